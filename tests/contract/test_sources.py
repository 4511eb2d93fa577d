"""What every source keeps to, those not yet written included."""

from typing import cast

import pytest

from narrator.errors import SourceError
from narrator.registry import create_source, source_spec, source_title, specs
from narrator.seams import Context, SourceSpec

SPECS = [cast("SourceSpec", spec) for spec in specs("sources").values()]
every_source = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)


@every_source
def test_it_can_be_reached_from_the_command_line(spec: SourceSpec) -> None:
    assert spec.title
    assert spec.help.endswith(".")
    assert spec.schemes or spec.suffixes or spec.folders
    if not spec.folders:  # the folder of the example does not exist
        assert source_spec(spec.example).id == spec.id


@every_source
def test_its_settings_are_its_own(spec: SourceSpec) -> None:
    assert all(setting.key.startswith(f"{spec.id}.") for setting in spec.settings)


@every_source
def test_its_title_fits_into_a_sentence(spec: SourceSpec) -> None:
    title = source_title(spec.example)
    assert title
    assert not title.endswith(".")
    assert "/" not in title


@every_source
def test_nothing_happens_before_it_is_opened_and_closing_is_always_safe(spec: SourceSpec, context: Context) -> None:
    source = create_source(spec.example, context)
    source.close()
    source.close()
    assert isinstance(source.live, bool)


@pytest.mark.parametrize(
    "address",
    ["camera:97", "screen:99", "screen:x", "rtsp://127.0.0.1:1/x", "no.mp4", "no.png", "camera:/\udce9"],
    ids=ascii,
)
def test_what_cannot_open_says_so_in_a_sentence_with_a_remedy(address: str, context: Context) -> None:
    source = create_source(address, context)
    with pytest.raises(SourceError) as caught:
        source.open()
    source.close()
    assert caught.value.sentence.encode().endswith(b".")
    assert caught.value.sentence[0].isupper() or caught.value.sentence.startswith(("screen:", "no."))
    assert caught.value.remedy.endswith((".", "?")) or "rtsp://" in caught.value.remedy
