"""Every setting, declared once: TOML, `--set`, the preferences and `docs/settings.md` all come from here."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from narrator import registry
from narrator.errors import SettingsUnusable, UsageError
from narrator.messages import Level, Notice
from narrator.seams import Setting, Value

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

CORE = (
    Setting(
        "source",
        "",
        "What to look at; empty for the last one, else a camera, else the demo.",
        restarts="source",
    ),
    Setting("backend", "auto", "Who describes. auto takes the best that is ready.", restarts="backend"),
    Setting("voice", "auto", "Who speaks. auto takes the best that is ready.", restarts="voice"),
    Setting("loop", False, "Play a file again when it ends.", restarts="source"),
    Setting("narration.min_gap", 4.0, "Least time between two lines that no scene cut causes.", 0, 120, unit="s"),
    Setting("narration.cut_gap", 2.0, "Least time between two lines at scene cuts.", 0, 60, unit="s"),
    Setting("narration.overview", True, "Say what is there at the start and after a scene cut."),
    Setting("sight.objects", True, "Look for people, animals and things.", restarts="source"),
    Setting("sight.text", True, "Read text in the picture.", restarts="source"),
    Setting(
        "sight.rate_moving",
        5.0,
        "How often to look for things while the scene moves.",
        0.5,
        15,
        unit="a second",
    ),
    Setting(
        "sight.rate_still",
        1.0,
        "How often to look for things while the scene is still.",
        0.1,
        5,
        unit="a second",
    ),
    Setting("sight.text_gap", 2.0, "Least time between two readings of text.", 0.5, 60, unit="s"),
    Setting("sight.mute", "", "Things never to speak of, for example: chair, dining table."),
    Setting("history.interval", 1.0, "Time between two pictures that are kept.", 0.1, 60, unit="s"),
    Setting(
        "history.max_bytes",
        16_000_000,
        "Most memory for kept pictures.",
        1_000_000,
        1_000_000_000,
        unit="bytes",
    ),
    Setting("speech.rate", 200, "Speaking rate.", 80, 900, unit="words a minute"),
    Setting("speech.volume", 100, "Loudness.", 0, 200, unit="%"),
    Setting("speech.voice", "", "The engine's own name of a voice; empty for its default."),
    Setting("speech.language", "en", "The language that is spoken."),
    Setting("speech.max_wait", 2.5, "A line that waited longer is not spoken.", 0.5, 60, unit="s"),
    Setting("speech.max_frame_age", 8.0, "A line about an older picture is not spoken.", 1, 120, unit="s"),
    Setting("window.theme", "system", "Colours of the window.", choices=("system", "light", "dark")),
    Setting("window.font_size", 100, "Size of all text in the window.", 50, 400, unit="%"),
    Setting("log.level", "info", "How much goes to the log.", choices=("debug", "info", "warning", "error")),
)
_APP = "scene-narrator"


@cache
def declared() -> dict[str, Setting]:
    """Every setting of the core and of the plug-ins, by key."""
    return {setting.key: setting for setting in (*CORE, *registry.settings())}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force. It never changes: `with_values` gives a new one."""

    values: Mapping[str, Value]

    @classmethod
    def defaults(cls) -> "Settings":
        return cls({key: setting.default for key, setting in declared().items()})

    def with_values(self, changes: Mapping[str, Value]) -> "Settings":
        """A copy with these values, each checked. Raises `UsageError`."""
        return Settings({**self.values, **{key: checked(key, value) for key, value in changes.items()}})

    def number(self, key: str) -> float:
        return float(self.values[key])

    def whole(self, key: str) -> int:
        return int(self.values[key])

    def text(self, key: str) -> str:
        return str(self.values[key])

    def flag(self, key: str) -> bool:
        return bool(self.values[key])


def checked(key: str, value: object) -> Value:
    """A value of the setting's own type within its range. Raises `UsageError` with the nearest key or the range."""
    setting = _find(key)
    kind = type(setting.default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and value != value):  # NaN differs from itself
        raise UsageError(f"{key} must be {_words(setting)}.", f"For example: {key}={_example(setting)}")
    assert isinstance(value, bool | int | float | str)
    if not _in_range(setting, value):
        raise UsageError(f"{key} must be {_words(setting)}, not {value}.", f"For example: {key}={_example(setting)}")
    return value


def parsed(assignment: str) -> tuple[str, Value]:
    """`key=value`, as given to `--set`, typed by the setting. Raises `UsageError`."""
    key, equals, text = assignment.partition("=")
    key, text = key.strip(), text.strip()
    setting = _find(key)
    if not equals:
        raise UsageError(f"--set {key} has no value.", f"For example: --set {key}={_example(setting)}")
    return key, checked(key, _typed(text, type(setting.default)))


class SettingsFile:
    """The user's settings on disk: only what differs from the defaults, comments kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Settings, list[Notice]]:
        """The settings, and what the user must know. An unreadable file is kept aside as `.bad`."""
        try:
            stored = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Settings.defaults(), []
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            return Settings.defaults(), [self._set_aside(error)]
        settings, notices = Settings.defaults(), []
        for key, value in _flat(stored):
            try:
                settings = settings.with_values({key: value})  # type: ignore[dict-item] # checked there
            except UsageError as error:
                notices.append(Notice(Level.WARNING, f"A setting was left out: {error.sentence}", error.remedy))
        return settings, notices

    def save(self, changes: Mapping[str, Value]) -> None:
        """Write these values, leave the rest of the file as it is. Raises `SettingsUnusable`."""
        import tomlkit

        try:
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
            document = tomlkit.parse(text)
            for key, value in changes.items():
                *tables, name = key.split(".")
                place = document
                for table in tables:
                    place = place.setdefault(table, tomlkit.table())
                place[name] = value
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_suffix(".new")
            fresh.write_text(tomlkit.dumps(document), encoding="utf-8")
            fresh.replace(self.path)
        except (OSError, ValueError) as error:
            remedy = f"Make the folder {self.path.parent} writable; until then changes last until you quit."
            raise SettingsUnusable("The settings could not be saved.", remedy, str(error)) from error

    def _set_aside(self, error: Exception) -> Notice:
        aside = self.path.with_suffix(self.path.suffix + ".bad")
        try:
            self.path.replace(aside)
            kept = f"The old file is kept as {aside}."
        except OSError:
            kept = f"Look at the file {self.path}."
        why = "cannot be read" if isinstance(error, OSError) else "is damaged"
        return Notice(Level.WARNING, f"The settings file {why}; the defaults are used.", kept)


def config_folder() -> Path:
    """Where the user's settings live; `SCENE_NARRATOR_CONFIG` names another place."""
    return _folder("SCENE_NARRATOR_CONFIG", lambda: _platform_dirs().user_config_path)


def log_folder() -> Path:
    """Where the log lives; `SCENE_NARRATOR_LOG` names another place."""
    return _folder("SCENE_NARRATOR_LOG", lambda: _platform_dirs().user_log_path)


def settings_file() -> SettingsFile:
    return SettingsFile(config_folder() / "settings.toml")


def _platform_dirs() -> "PlatformDirs":
    import platformdirs

    return platformdirs.PlatformDirs(_APP, appauthor=False)


def _folder(variable: str, default: Callable[[], Path]) -> Path:
    return Path(os.environ[variable]) if os.environ.get(variable) else default()


def _find(key: str) -> Setting:
    if key in declared():
        return declared()[key]
    near = get_close_matches(key, declared(), 1, 0.4)
    hint = f"Did you mean {near[0]}?" if near else "scene-narrator list settings shows them all."
    raise UsageError(f"There is no setting called {key}.", hint)


def _typed(text: str, kind: type) -> object:
    """The text as `kind`, or unchanged when it is no such thing, so that `checked` can say what is wanted."""
    if kind is bool:
        return {
            "true": True,
            "on": True,
            "yes": True,
            "1": True,
            "false": False,
            "off": False,
            "no": False,
            "0": False,
        }.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def _in_range(setting: Setting, value: Value) -> bool:
    if setting.choices:
        return value in setting.choices
    if isinstance(value, bool | str):
        return True
    low = setting.minimum is None or value >= setting.minimum
    return low and (setting.maximum is None or value <= setting.maximum)


def _words(setting: Setting) -> str:
    if setting.choices:
        return "one of " + ", ".join(setting.choices)
    kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(setting.default)]
    if setting.minimum is not None and setting.maximum is not None:
        return f"{kind} from {setting.minimum:g} to {setting.maximum:g}"
    return kind


def _example(setting: Setting) -> str:
    return str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default) or "text"


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
