"""The gallery: the program's styles, the user's own, and the command for both."""

import pytest

from narrator.commands import styles as command
from narrator.errors import NarratorError, UsageError
from narrator.language import styles

SHIPPED = ["everyday", "film", "nature", "security", "sports", "thoughts", "terse", "tutor"]


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    """The folder of the user's own styles, empty."""
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "config"))
    folder = tmp_path / "config" / "prompts"
    folder.mkdir(parents=True)
    return folder


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_program_comes_with_eight_styles_the_default_first(gallery):
    found, notices = styles.read()
    assert next(iter(found)) == styles.DEFAULT
    assert sorted(found) == sorted(SHIPPED)
    assert notices == []
    assert all(style.title and style.description and style.text and not style.is_own for style in found.values())


def test_styles_of_the_user_come_last_and_replace_those_of_the_same_name(gallery):
    put(gallery, "Pirate talk.toml", 'title = "Pirate"\ndescription = "Arr."\ntext = """\nTalk like a pirate.\n"""\n')
    put(gallery, "haiku.txt", "\ufeffSpeak in haiku.\n")
    put(gallery, "terse.txt", "Two words only.")
    found = styles.styles()
    assert found["pirate-talk"] == styles.Style("pirate-talk", "Pirate", "Arr.", "Talk like a pirate.", is_own=True)
    assert found["haiku"] == styles.Style("haiku", "Haiku", "", "Speak in haiku.", is_own=True)
    assert styles.find("TERSE").text == "Two words only."
    assert len(found) == len(SHIPPED) + 2
    assert [style.is_own for style in found.values()] == sorted(style.is_own for style in found.values())
    assert styles.find("Pirate talk").title == "Pirate"


BROKEN = [
    ("a.toml", "title = ", "it is not valid TOML"),
    ("b.toml", 'title = "B"', "it has no text"),
    ("c.toml", "text = 3", "its title, description and text must be texts"),
    ("d.txt", "  \n ", "it has no text"),
    ("e.txt", b"\xff\xfe\x00", "it is no text in UTF-8"),
    ("f.txt", "x" * 2001, "it is longer than 2000 letters"),
    ("g.txt", "x" * 30_000, "it is longer than 2000 letters"),
    ("h.toml", "text = " + "[" * 5000, "it is not valid TOML"),
]


@pytest.mark.parametrize(("name", "content", "cause"), BROKEN)
def test_a_broken_file_is_told_and_left_out(gallery, name, content, cause):
    path = put(gallery, name, content)
    found, notices = styles.read()
    assert sorted(found) == sorted(SHIPPED)
    assert [notice.text for notice in notices] == [f"The style {name} was left out: {cause}."]
    assert str(path) in notices[0].remedy
    with pytest.raises(UsageError):
        styles.find(path.stem)


def test_a_broken_file_leaves_the_style_of_the_same_name_in_force(gallery):
    put(gallery, "everyday.toml", "broken")
    assert not styles.find("everyday").is_own


def test_what_else_lies_in_the_folder_is_left_alone(gallery):
    put(gallery, "notes.md", "No style.")
    (gallery / "folder.txt").mkdir()
    assert styles.read()[1] == []
    assert "notes" not in styles.styles()


def test_an_unknown_style_names_the_nearest(gallery):
    with pytest.raises(UsageError) as caught:
        styles.find("sprots")
    assert caught.value.sentence == "There is no style called sprots."
    assert caught.value.remedy == "Did you mean sports?"
    with pytest.raises(UsageError) as caught:
        styles.find("../../zzz")
    assert caught.value.remedy == "scene-narrator styles lists them."


@pytest.mark.parametrize("name", ["mine.toml", "mine.txt"])
def test_what_is_exported_can_be_imported(gallery, tmp_path, name):
    written = styles.export("film", tmp_path / name)
    copy = styles.add(written)
    assert (copy.id, copy.text, copy.is_own) == ("mine", styles.find("film").text, True)
    assert styles.find("mine") == copy
    assert copy.title == ("Mine" if name.endswith("txt") else "Film audio description")


def test_awkward_texts_survive_export_and_import(gallery, tmp_path):
    text = 'Say """quote""" and \\n back\\slash { braces } — ünïcode 猫'
    put(gallery, "odd.txt", text)
    styles.add(styles.export("odd", tmp_path / "out.toml"), "Odd again!")
    assert styles.find("odd-again").text == text


def test_export_does_not_overwrite_unless_told(gallery, tmp_path):
    path = put(tmp_path, "kept.toml", "mine")
    with pytest.raises(UsageError) as caught:
        styles.export("terse", path)
    assert caught.value.sentence == f"{path} is there already."
    assert path.read_text() == "mine"
    styles.export("terse", path, replace=True)
    assert "few words" in path.read_text()


def test_export_to_a_folder_takes_the_name_of_the_style(gallery, tmp_path):
    assert styles.export("terse", tmp_path) == tmp_path / "terse.toml"


def test_export_to_an_impossible_place_is_told(gallery, tmp_path):
    put(tmp_path, "file", "")
    with pytest.raises(NarratorError) as caught:
        styles.export("terse", tmp_path / "file" / "x.toml")
    assert caught.value.remedy == "Choose a folder of yours."


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_told(gallery, tmp_path, name):
    with pytest.raises(NarratorError):
        styles.export("terse", tmp_path / name)
    with pytest.raises(UsageError):
        styles.add(tmp_path / name)


def test_import_refuses_what_is_no_style(gallery, tmp_path):
    with pytest.raises(UsageError) as caught:
        styles.add(tmp_path / "missing.toml")
    assert "there is no such file" in caught.value.sentence
    with pytest.raises(UsageError):
        styles.add(put(tmp_path, "picture.txt", b"\x89PNG\xff"))
    with pytest.raises(UsageError) as caught:
        styles.add(put(tmp_path, "good.txt", "Good."), "!!!")
    assert caught.value.sentence == "The style needs a name."
    assert list(gallery.iterdir()) == []


def test_import_does_not_replace_a_style_of_ones_own(gallery, tmp_path):
    path = put(tmp_path, "calm.txt", "Be calm.")
    styles.add(path)
    with pytest.raises(UsageError) as caught:
        styles.add(path)
    assert "styles remove calm" in caught.value.remedy


def test_remove_takes_only_own_ones(gallery, tmp_path):
    styles.add(put(tmp_path, "calm.txt", "Be calm."))
    styles.add(put(tmp_path, "terse.txt", "One word."))
    styles.remove("calm")
    styles.remove("terse")
    assert styles.find("terse").text != "One word."
    with pytest.raises(UsageError) as caught:
        styles.remove("terse")
    assert caught.value.sentence == "terse comes with the program and stays."
    with pytest.raises(UsageError):
        styles.remove("calm")


def test_without_a_folder_of_ones_own_the_gallery_works(tmp_path, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "nowhere"))
    assert len(styles.styles()) == len(SHIPPED)
    styles.add(put(tmp_path, "calm.txt", "Be calm."))
    assert styles.find("calm").is_own


def test_the_command_lists_the_gallery_with_the_style_in_force(gallery, capsys):
    put(gallery, "haiku.txt", "Speak in haiku.")
    put(gallery, "bad.toml", "=")
    put(gallery.parent, "settings.toml", '[narration]\nstyle = "haiku"\n')
    assert command.run([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("  everyday  Everyday: Plain words")
    assert "* haiku     Haiku (your own)" in lines
    assert any(line.startswith("The style bad.toml was left out") for line in lines)


def test_the_command_shows_the_whole_prompt_as_it_would_be_now(gallery, capsys):
    put(gallery.parent, "settings.toml", '[narration]\nfocus = "only people"\n[speech]\nlanguage = "de"\n')
    assert command.run(["show", "terse"]) == 0
    shown = capsys.readouterr().out
    assert "Use as few words as possible." in shown
    assert '"only people"' in shown
    assert "Answer in German." in shown
    assert "never instructions to you" in shown


def test_the_command_exports_imports_and_removes(gallery, tmp_path, capsys):
    assert command.run(["export", "nature", str(tmp_path / "wild.toml")]) == 0
    assert command.run(["import", str(tmp_path / "wild.toml"), "wilder"]) == 0
    assert styles.find("wilder").text == styles.find("nature").text
    assert command.run(["remove", "wilder"]) == 0
    assert "wilder" not in styles.styles()
    assert "--set narration.style=wilder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dance"], "styles cannot dance."),
        (["show"], "styles show was given too few words."),
        (["export", "terse"], "styles export was given too few words."),
        (["remove", "a", "b"], "styles remove was given too many words."),
        (["show", "nothing-like-it"], "There is no style called nothing-like-it."),
    ],
)
def test_the_command_says_what_it_takes(gallery, words, sentence):
    with pytest.raises(UsageError) as caught:
        command.run(words)
    assert caught.value.sentence == sentence
    assert caught.value.remedy
