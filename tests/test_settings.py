"""Settings: what is taken, what is refused and in which words, and what a bad file does."""

import math
import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrator.errors import SettingsUnusable, UsageError
from narrator.settings import Settings, SettingsFile, checked, declared, parsed, wanted, written

Problem = tuple[str, str]


def str_of(value: object) -> str:
    return str(value)[:5]


def refusal(key: str, value: object) -> Problem:
    with pytest.raises(UsageError) as refused:
        checked(key, value)
    return refused.value.sentence, refused.value.remedy


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.toml")


class TestDeclared:
    def test_every_default_is_allowed_and_every_setting_explained(self) -> None:
        for key, setting in declared().items():
            assert checked(key, setting.default) == setting.default
            assert setting.help.endswith(".")
            assert setting.restarts in ("", "source", "backend", "voice")

    def test_every_default_can_be_given_as_text(self) -> None:
        for key, setting in declared().items():
            assert parsed(f"{key}={written(setting.default)}") == (key, setting.default)

    def test_no_setting_is_also_a_table(self) -> None:
        tables = {key.rpartition(".")[0] for key in declared()}
        assert not tables & set(declared())

    def test_ranges_are_told_without_exponents(self) -> None:
        assert wanted(declared()["history.max_bytes"]) == "a whole number from 1000000 to 1000000000"
        assert wanted(declared()["sight.rate_moving"]) == "a number from 0.5 to 15"
        assert wanted(declared()["window.theme"]) == "one of system, light, dark"


class TestChecked:
    def test_a_whole_number_does_for_a_number(self) -> None:
        value = checked("narration.min_gap", 3)
        assert (type(value), value) == (float, 3.0)

    @pytest.mark.parametrize("value", [True, 200.0, "200", None, [200], {"rate": 200}])
    def test_another_type_is_refused(self, value: object) -> None:
        sentence, remedy = refusal("speech.rate", value)
        assert sentence == "speech.rate must be a whole number from 80 to 900."
        assert remedy == "For example: speech.rate=200"

    @pytest.mark.parametrize("value", [79, 901, -(10**400), 10**400], ids=str_of)
    def test_out_of_range_is_refused(self, value: int) -> None:
        sentence, _ = refusal("speech.rate", value)
        assert sentence.startswith("speech.rate must be a whole number from 80 to 900, not ")
        assert len(sentence) < 120

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400], ids=str_of)
    def test_what_is_no_finite_number_is_refused(self, value: float) -> None:
        assert refusal("narration.min_gap", value)[0].startswith("narration.min_gap must be a number from 0 to 120")

    def test_an_unknown_key_names_the_nearest(self) -> None:
        assert refusal("speach.rate", 200) == ("There is no setting called speach.rate.", "Did you mean speech.rate?")

    def test_a_hopeless_key_names_the_list(self) -> None:
        assert refusal("%%%%", 1)[1] == "scene-narrator list settings shows them all."

    @given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
    def test_any_value_is_taken_as_its_own_type_or_refused(self, value: object) -> None:
        for key, setting in declared().items():
            try:
                taken = checked(key, value)
            except UsageError:
                continue
            assert type(taken) is type(setting.default)


class TestParsed:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("speech.rate=250", ("speech.rate", 250)),
            (" speech.rate = 250 ", ("speech.rate", 250)),
            ("loop=on", ("loop", True)),
            ("loop=FALSE", ("loop", False)),
            ("narration.min_gap=2.5", ("narration.min_gap", 2.5)),
            ("source=rtsp://host/x?a=b", ("source", "rtsp://host/x?a=b")),
            ("speech.voice=", ("speech.voice", "")),
        ],
    )
    def test_is_typed_by_the_setting(self, text: str, expected: tuple[str, object]) -> None:
        assert parsed(text) == expected

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("speech.rate", "--set speech.rate has no value."),
            ("", "--set needs the name of a setting."),
            ("=3", "--set needs the name of a setting."),
            ("speech.rate=fast", "speech.rate must be a whole number from 80 to 900."),
            ("speech.rate=", "speech.rate must be a whole number from 80 to 900."),
            ("narration.min_gap=nan", "narration.min_gap must be a number from 0 to 120, not nan."),
            ("loop=perhaps", "loop must be true or false."),
            ("window.theme=pink", "window.theme must be one of system, light, dark, not pink."),
        ],
    )
    def test_refuses_in_a_sentence(self, text: str, sentence: str) -> None:
        with pytest.raises(UsageError) as refused:
            parsed(text)
        assert refused.value.sentence == sentence
        assert refused.value.remedy


class TestSettings:
    def test_a_change_makes_a_copy(self) -> None:
        before = Settings.defaults()
        after = before.with_values({"speech.rate": 300, "loop": True})
        assert (before.whole("speech.rate"), after.whole("speech.rate")) == (200, 300)
        assert after.flag("loop")
        assert after.text("voice") == "auto"

    def test_one_bad_value_refuses_the_change(self) -> None:
        with pytest.raises(UsageError):
            Settings.defaults().with_values({"loop": True, "speech.rate": 5})


class TestLoad:
    def test_no_file_means_the_defaults(self, file: SettingsFile) -> None:
        assert file.load() == (Settings.defaults(), [])

    def test_an_empty_file_means_the_defaults(self, file: SettingsFile) -> None:
        file.path.write_bytes(b"")
        assert file.load() == (Settings.defaults(), [])

    def test_values_are_read_from_tables_and_dotted_keys(self, file: SettingsFile) -> None:
        file.path.write_text('voice = "silent"\nsight.text = false\n[speech]\nrate = 320\n', encoding="utf-8")
        settings, notices = file.load()
        assert (settings.text("voice"), settings.flag("sight.text"), settings.whole("speech.rate")) == (
            "silent",
            False,
            320,
        )
        assert notices == []

    def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(self, file: SettingsFile) -> None:
        file.path.write_bytes(b"\xef\xbb\xbf[speech]\r\nrate = 320\r\n")
        settings, notices = file.load()
        assert (settings.whole("speech.rate"), notices) == (320, [])

    def test_bad_entries_are_left_out_and_told(self, file: SettingsFile) -> None:
        file.path.write_text("colour = 3\n[speech]\nrate = 5000\nvolume = 50\n", encoding="utf-8")
        settings, notices = file.load()
        assert (settings.whole("speech.rate"), settings.whole("speech.volume")) == (200, 50)
        assert [notice.text for notice in notices] == [
            "A setting was left out: There is no setting called colour.",
            "A setting was left out: speech.rate must be a whole number from 80 to 900, not 5000.",
        ]
        assert file.path.exists()

    def test_many_bad_entries_are_not_all_told(self, file: SettingsFile) -> None:
        file.path.write_text("".join(f"colour{number} = 3\n" for number in range(100)), encoding="utf-8")
        _, notices = file.load()
        assert len(notices) == 4
        assert notices[-1].text == "97 more settings were left out."

    @pytest.mark.parametrize(
        "content",
        [
            b"speech.rate = = 3",
            b"\xff\xfe\x00garbage",
            b"\x00" * 4096,
            b"rate = 1\nrate = 2",
            b"a = " + b"[" * 100_000,
            b".".join([b"a"] * 5000) + b" = 1",
            b"a = " + b"1" * 10_000,
        ],
        ids=["syntax", "not text", "zeros", "twice", "deep list", "deep table", "long number"],
    )
    def test_a_damaged_file_is_kept_aside(self, file: SettingsFile, content: bytes) -> None:
        file.path.write_bytes(content)
        settings, notices = file.load()
        aside = file.path.with_name("settings.toml.bad")
        assert settings == Settings.defaults()
        assert [notice.text for notice in notices] == ["The settings file is damaged; the defaults are used."]
        assert notices[0].remedy == f"The old file is kept as {aside}."
        assert aside.read_bytes() == content
        assert not file.path.exists()
        assert file.load() == (Settings.defaults(), [])

    def test_an_older_damaged_file_is_not_lost(self, file: SettingsFile) -> None:
        for content in ("first =", "second =", "third ="):
            file.path.write_text(content, encoding="utf-8")
            file.load()
        asides = ("settings.toml.bad", "settings.toml.bad2", "settings.toml.bad3")
        assert [file.path.with_name(name).read_text(encoding="utf-8") for name in asides] == [
            "first =",
            "second =",
            "third =",
        ]

    def test_a_folder_in_its_place_is_put_aside(self, file: SettingsFile) -> None:
        file.path.mkdir()
        (file.path / "mine.txt").write_text("mine", encoding="utf-8")
        _, notices = file.load()
        assert [notice.text for notice in notices] == ["The settings file cannot be read; the defaults are used."]
        assert (file.path.with_name("settings.toml.bad") / "mine.txt").read_text(encoding="utf-8") == "mine"
        file.save({"speech.rate": 300})
        assert file.load()[0].whole("speech.rate") == 300

    def test_a_folder_that_is_a_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_text("not a folder", encoding="utf-8")
        file = SettingsFile(tmp_path / "config" / "settings.toml")
        settings, notices = file.load()
        assert settings == Settings.defaults()
        assert notices[0].remedy == f"Look at the file {file.path}."

    def test_damage_is_told_without_touching_the_file(self, file: SettingsFile) -> None:
        assert file.damage() == ""
        file.path.write_text("rate =", encoding="utf-8")
        assert file.damage() == "is damaged"
        assert file.path.exists()


class TestSave:
    def test_what_is_saved_is_loaded(self, file: SettingsFile) -> None:
        values = {key: setting.default for key, setting in declared().items()}
        file.save(values)
        settings, notices = file.load()
        assert (settings, notices) == (Settings.defaults(), [])

    def test_comments_and_foreign_entries_are_kept(self, file: SettingsFile) -> None:
        before = '# mine\nvoice = "silent" # at night\n\n[speech]\n# slow\nrate = 120\nfuture = 1\n'
        file.path.write_text(before, encoding="utf-8")
        file.save({"speech.rate": 300, "speech.volume": 40})
        after = file.path.read_text(encoding="utf-8")
        assert "# mine" in after
        assert "# at night" in after
        assert "# slow" in after
        assert tomllib.loads(after) == {"voice": "silent", "speech": {"rate": 300, "future": 1, "volume": 40}}

    def test_folders_are_made_and_nothing_is_left_beside_it(self, tmp_path: Path) -> None:
        file = SettingsFile(tmp_path / "a" / "b" / "settings.toml")
        file.save({"loop": True})
        assert [path.name for path in file.path.parent.iterdir()] == ["settings.toml"]

    def test_a_value_where_a_table_belongs_gives_way(self, file: SettingsFile) -> None:
        file.path.write_text("speech = 3\n", encoding="utf-8")
        file.save({"speech.rate": 300})
        assert file.load()[0].whole("speech.rate") == 300

    def test_dotted_keys_are_changed_in_place(self, file: SettingsFile) -> None:
        file.path.write_text("speech.rate = 120\n", encoding="utf-8")
        file.save({"speech.rate": 300, "speech.volume": 50})
        assert tomllib.loads(file.path.read_text(encoding="utf-8")) == {"speech": {"rate": 300, "volume": 50}}

    def test_a_damaged_file_is_kept_aside_first(self, file: SettingsFile) -> None:
        file.path.write_text("rate =", encoding="utf-8")
        file.save({"speech.rate": 300})
        assert file.load()[0].whole("speech.rate") == 300
        assert file.path.with_name("settings.toml.bad").read_text(encoding="utf-8") == "rate ="

    def test_a_linked_file_stays_a_link(self, file: SettingsFile, tmp_path: Path) -> None:
        real = tmp_path / "dotfiles.toml"
        real.write_text("", encoding="utf-8")
        file.path.symlink_to(real)
        file.save({"loop": True})
        assert file.path.is_symlink()
        assert tomllib.loads(real.read_text(encoding="utf-8")) == {"loop": True}

    def test_threads_that_save_at_once_lose_nothing(self, file: SettingsFile) -> None:
        changes = [{"speech.rate": 300}, {"window.font_size": 150}, {"source": "demo"}, {"loop": True}]
        for _ in range(20):
            file.path.unlink(missing_ok=True)
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(file.save, changes))
            stored = {key: value for change in changes for key, value in change.items()}
            assert file.load()[0] == Settings.defaults().with_values(stored)

    def test_a_folder_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_text("not a folder", encoding="utf-8")
        file = SettingsFile(tmp_path / "config" / "settings.toml")
        with pytest.raises(SettingsUnusable) as refused:
            file.save({"loop": True})
        assert refused.value.sentence == "The settings could not be saved."
        assert str(file.path.parent) in refused.value.remedy

    def test_a_read_only_folder_is_told(self) -> None:
        folder = Path("/proc/self" if os.geteuid() == 0 else "/")  # root may write nearly everywhere else
        with pytest.raises(SettingsUnusable):
            SettingsFile(folder / "settings.toml").save({"loop": True})
