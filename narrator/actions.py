"""Every action of the user, declared once: shortcuts, menus, the help and `docs/keys.md` all come from here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """`id` is also the name of the method that does it, on the session or on the window.

    What follows a colon in the id is the method's argument.
    """

    id: str
    title: str
    keys: tuple[str, ...]
    """In Qt's portable notation; the first one is shown."""
    help: str
    group: str


_USE_STYLE = tuple(
    Action(f"use_style:{number}", f"Style {number}", (str(number),), f"Tell in style {number} of the list.", "Telling")
    for number in range(1, 10)
)
ACTIONS = (
    Action("start_pause", "Start or pause", ("Space",), "Start the narration, or pause it.", "Narration"),
    Action(
        "hush",
        "Hush",
        ("Escape", "H"),
        "Silence at once; the narration goes on with the next news.",
        "Narration",
    ),
    Action("repeat", "Repeat", ("R",), "Say the last line again.", "Narration"),
    Action("describe", "Describe now", ("D",), "Say now what is there.", "Narration"),
    Action("more_detail", "More detail", ("M",), "Tell more of what can be seen.", "Telling"),
    Action("less_detail", "Less detail", ("L",), "Tell less of what can be seen.", "Telling"),
    Action(
        "set_focus",
        "Tell only…",
        ("F",),
        "Choose what to tell of: everything, only people, only text, or what you name.",
        "Telling",
    ),
    Action(
        "choose_style",
        "Choose style…",
        ("S",),
        "Choose how it is told, look at what the describer is asked, and bring in styles of your own.",
        "Telling",
    ),
    *_USE_STYLE,
    Action(
        "change_settings",
        "Settings…",
        ("Ctrl+,",),
        "Set the language that is spoken, limits of money and tokens, and how late a line may come.",
        "Telling",
    ),
    Action(
        "choose_describer",
        "Choose describer…",
        ("Ctrl+B",),
        "Choose who looks at the pictures; give, test and delete its key.",
        "Describer",
    ),
    Action(
        "show_models",
        "Models…",
        ("Ctrl+M",),
        "Fetch, check, remove and choose models that describe on this computer.",
        "Describer",
    ),
    Action(
        "show_sent",
        "What was sent…",
        ("Ctrl+Shift+S",),
        "Look at what left this computer, and erase the record of it.",
        "Describer",
    ),
    Action("slower", "Slower", ("[", "Ctrl+Down"), "Speak more slowly.", "Voice"),
    Action("faster", "Faster", ("]", "Ctrl+Up"), "Speak faster.", "Voice"),
    Action("quieter", "Quieter", ("-", "Ctrl+Left"), "Speak more quietly.", "Voice"),
    Action("louder", "Louder", ("=", "+", "Ctrl+Right"), "Speak more loudly.", "Voice"),
    Action(
        "choose_source",
        "Choose source…",
        ("Ctrl+L",),
        "Choose a camera, a screen, a stream or the demo.",
        "Source",
    ),
    Action("open_file", "Open file…", ("Ctrl+O",), "Open a video or a picture.", "Source"),
    Action(
        "open_folder",
        "Open folder…",
        ("Ctrl+Shift+O",),
        "Open a folder of pictures as a slide show.",
        "Source",
    ),
    Action("copy_caption", "Copy caption", ("Ctrl+Shift+C",), "Copy the current caption.", "Captions"),
    Action(
        "focus_captions",
        "Go to the captions",
        ("Ctrl+G",),
        "Put the focus on the list of captions.",
        "Captions",
    ),
    Action("bigger_text", "Bigger text", ("Ctrl++", "Ctrl+="), "Make all text bigger.", "Window"),
    Action("smaller_text", "Smaller text", ("Ctrl+-",), "Make all text smaller.", "Window"),
    Action(
        "change_theme",
        "Change colours",
        ("Ctrl+T",),
        "Change between the system's colours, light and dark.",
        "Window",
    ),
    Action("show_help", "Help and keys", ("F1",), "Show all keys.", "Window"),
    Action("quit", "Quit", ("Ctrl+Q",), "End Scene Narrator.", "Window"),
)


def action(id_: str) -> Action:
    """The action with this id; a KeyError is a bug of ours."""
    return {entry.id: entry for entry in ACTIONS}[id_]
