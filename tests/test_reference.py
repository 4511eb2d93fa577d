"""The lists and the generated pages: complete, and noticed when they are out of date."""

from pathlib import Path

import pytest

from narrator import reference, registry
from narrator.actions import ACTIONS
from narrator.seams import Spec
from narrator.settings import declared, parsed

DOCS = Path(__file__).resolve().parents[1] / "docs"


class TestListing:
    @pytest.mark.parametrize("kind", registry.KINDS)
    def test_every_plug_in_is_listed_by_its_id(self, kind):
        lines = reference.listing(kind).splitlines()
        assert [line.split()[0] for line in lines] == list(registry.specs(kind))

    def test_sources_come_with_an_example(self):
        assert "--source camera:0" in reference.listing("sources")

    def test_every_setting_can_be_given_as_listed(self):
        firsts = [line.split()[0] for line in reference.listing("settings").splitlines()]
        assert dict(parsed(first) for first in firsts) == {key: setting.default for key, setting in declared().items()}

    def test_a_setting_is_listed_with_its_range_and_unit(self):
        line = next(line for line in reference.listing("settings").splitlines() if line.startswith("speech.rate="))
        assert line.split(maxsplit=1) == [
            "speech.rate=200",
            "Speaking rate. A whole number from 80 to 900, words a minute.",
        ]

    def test_every_action_is_listed_with_its_keys(self):
        text = reference.listing("actions")
        for action in ACTIONS:
            assert action.id in text
            assert f"{' or '.join(action.keys)}: {action.help}" in text


class TestPages:
    def test_the_pages_in_the_repository_are_up_to_date(self):
        assert reference.drift(DOCS) == []

    def test_every_action_and_setting_is_on_its_page(self, tmp_path):
        reference.write(tmp_path / "new")
        keys = (tmp_path / "new/keys.md").read_text(encoding="utf-8")
        settings = (tmp_path / "new/settings.md").read_text(encoding="utf-8")
        assert all(f"| {action.title} | `{action.keys[0]}`" in keys for action in ACTIONS)
        assert all(f"| `{key}` | " in settings for key in declared())

    def test_each_group_has_one_heading(self, tmp_path):
        reference.write(tmp_path)
        for page in tmp_path.iterdir():
            headings = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
            assert len(headings) == len(set(headings))

    def test_drift_is_noticed(self, tmp_path):
        reference.write(tmp_path)
        assert reference.drift(tmp_path) == []
        (tmp_path / "keys.md").write_text("old", encoding="utf-8")
        (tmp_path / "settings.md").unlink()
        assert reference.drift(tmp_path) == [str(tmp_path / "keys.md"), str(tmp_path / "settings.md")]

    def test_a_page_that_is_no_text_is_drift(self, tmp_path):
        reference.write(tmp_path)
        (tmp_path / "keys.md").write_bytes(b"\xff\xfe")
        assert reference.drift(tmp_path) == [str(tmp_path / "keys.md")]


class TestObstacle:
    def test_none(self):
        assert reference.obstacle(Spec("a", "A", "A.", packages=("json",))) == ""

    def test_another_system(self):
        assert reference.obstacle(Spec("a", "A", "A.", platforms=("amiga",))) == "is not for this system"

    def test_a_missing_package_names_what_brings_it(self):
        spec = Spec("a", "A", "A.", packages=("json", "no_such_package"), extra="more")
        assert reference.obstacle(spec) == "needs the extra more"
        assert reference.obstacle(Spec("a", "A", "A.", packages=("no.such.package",))) == (
            "needs the Python package no.such.package"
        )
