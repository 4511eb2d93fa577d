import time

import numpy as np
import pytest
from fakes.capturing import StartCapture

from narrator.errors import SourceRefused
from narrator.messages import Picture
from narrator.registry import create_source, source_choices, source_title
from narrator.seams import Context

WHITE, GREY = 255, 128


@pytest.fixture
def _on_screen(xvfb_display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", xvfb_display)
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)


def look(address: str, context: Context) -> Picture:
    source = create_source(address, context)
    source.open()
    picture = source.read()
    source.close()
    source.close()
    assert picture is not None
    return picture


@pytest.mark.usefixtures("_on_screen")
def test_a_screen_or_a_part_of_it_is_seen(context: Context) -> None:
    for address, size in (
        ("screen", (720, 1280)),
        ("screen:1", (720, 1280)),
        ("screen:10,20,300,200", (200, 300)),
        ("screen:1200,600,500,500", (120, 80)),
    ):
        pixels = look(address, context).pixels
        assert pixels.shape == (*size, 3)
        assert pixels.flags.c_contiguous
        assert (pixels == WHITE).all()


@pytest.mark.usefixtures("_on_screen")
def test_our_own_windows_are_left_out(context: Context) -> None:
    context.excluded.put(((100, 50, 200, 100), (-50, -50, 60, 60), (5000, 5000, 10, 10)))
    pixels = look("screen", context).pixels
    assert (pixels[50:150, 100:300] == GREY).all()
    assert (pixels[:10, :10] == GREY).all()
    assert int((pixels[:, :, 0] == GREY).sum()) == pytest.approx(200 * 100 + 10 * 10, rel=0.02)
    assert (look("screen:100,50,200,100", context).pixels == GREY).all()


@pytest.mark.usefixtures("_on_screen")
def test_an_excluded_place_counts_from_the_next_picture_on(context: Context) -> None:
    source = create_source("screen", context)
    source.open()
    before = source.read()
    context.excluded.put(((0, 0, 1280, 720),))
    after = source.read()
    context.excluded.put(())
    again = source.read()
    source.close()
    assert before is not None
    assert after is not None
    assert again is not None
    assert [np.unique(picture.pixels).tolist() for picture in (before, after, again)] == [[WHITE], [GREY], [WHITE]]


@pytest.mark.usefixtures("_on_screen")
def test_the_screen_is_looked_at_at_the_set_rate(captured: StartCapture) -> None:
    playing = captured("screen")
    assert playing.has(16)
    frames = playing.frames.all
    assert frames[15].captured_at - frames[0].captured_at == pytest.approx(1.0, abs=0.15)
    began = time.monotonic()
    assert playing.capture.close() is None
    assert time.monotonic() - began < 0.5


@pytest.mark.usefixtures("_on_screen")
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("screen:2", "There is no screen 2. Only screen:1 was found."),
        ("screen:0", "There is no screen 0. Only screen:1 was found."),
        ("screen:5000,0,10,10", "That part lies outside of the screen. The desktop is 1280 by 720 pixels"),
        ("screen:0,0,0,0", "That part lies outside of the screen."),
        ("screen:left", "screen:left is no screen. Write screen, screen:2 or screen:left,top,width,height."),
        ("screen:1,2,3", "screen:1,2,3 is no screen."),
    ],
)
def test_what_is_no_screen_is_told(address: str, words: str, context: Context) -> None:
    with pytest.raises(SourceRefused) as caught:
        look(address, context)
    assert f"{caught.value.sentence} {caught.value.remedy}".startswith(words)


def test_no_display_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SourceRefused, match="There is no screen to look at"):
        look("screen", context)
    assert "screen" not in dict(source_choices())


@pytest.mark.usefixtures("_on_screen")
def test_a_screen_is_offered_and_has_a_name() -> None:
    assert ("screen", "the screen") in source_choices()
    assert source_title("screen:2") == "screen 2"
    assert source_title("screen:1,2,3,4") == "a part of the screen"
