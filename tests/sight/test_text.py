"""Text is read from signs, put in order, told when it is sure and new."""

import subprocess
import sys
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from fakes.scenery import as_pixels, landscape, noise, pasted, photo, sign

from narrator.messages import Box, TextLine
from narrator.sight.text import LEAST_SCORE, Reader, TextMemory, alike, joined

OFFLINE = """
import sys

forbidden = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
reached = []
sys.addaudithook(lambda event, arguments: event in forbidden and reached.append((event, arguments)))

import cv2
import numpy as np
from narrator.sight.text import Reader

picture = np.full((360, 640, 3), 215, np.uint8)
cv2.putText(picture, "NO ENTRY", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (30, 30, 30), 6, cv2.LINE_AA)
reader = Reader()
reader.open()
print([line.text for line in reader.read(picture)], reached)
"""


@pytest.fixture(scope="module")
def reader() -> Reader:
    opened = Reader()
    opened.open()
    return opened


def texts(lines: Sequence[TextLine]) -> list[str]:
    return [line.text for line in lines]


def line(text: str, x: float = 0.5, y: float = 0.5, width: float = 0.2, height: float = 0.05) -> TextLine:
    return TextLine(text, 0.95, Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))


@pytest.mark.parametrize(
    ("size", "scale"), [((640, 360), 1.6), ((1280, 720), 2.5), ((3840, 2160), 8), ((480, 640), 1.2)]
)
def test_a_sign_of_any_size_is_read_from_the_top(reader: Reader, size: tuple[int, int], scale: float) -> None:
    found = reader.read(sign("NOTICE", "Car Park 25", size=size, scale=scale))
    assert texts(found) == ["NOTICE", "Car Park 25"]
    assert all(LEAST_SCORE <= each.score <= 1 for each in found)
    assert found[0].box.bottom < found[1].box.top
    assert all(0 <= each.box.left < each.box.right <= 1 for each in found)


def test_a_sign_in_a_noisy_landscape_is_read(reader: Reader) -> None:
    board = as_pixels(cv2.resize(sign("WAY OUT"), (320, 180)))
    picture = noise(pasted(landscape(2, (640, 360)), board, 40, 60), 8, np.random.default_rng(3))
    assert [alike(each.text, "WAY OUT") for each in reader.read(picture)] == [True]


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_photographs_without_text_are_not_read(reader: Reader, name: str) -> None:
    assert reader.read(photo(name)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (20, 8000), (4000, 30), (2160, 3840)])
def test_nothing_is_read_where_nothing_is(reader: Reader, shape: tuple[int, int]) -> None:
    assert reader.read(np.full((*shape, 3), 127, np.uint8)) == ()


def test_reading_needs_no_network_and_writes_nothing_to_the_terminal() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", OFFLINE], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("['NO ENTRY'] []", "")


def test_words_of_a_row_are_one_line_and_columns_are_not() -> None:
    found = joined(
        [
            line("PARKING", 0.42, 0.2, 0.2),
            line("right column", 0.85, 0.2),
            line("below", 0.2, 0.5),
            line("NO", 0.28, 0.21, 0.06),
        ]
    )
    assert texts(found) == ["NO PARKING", "right column", "below"]
    assert found[0].box.left == pytest.approx(0.25)
    assert found[0].box.right == pytest.approx(0.52)


def test_the_lines_of_a_slanted_page_are_not_mixed() -> None:
    slanted = [line(f"line {number}", 0.5, 0.2 + 0.05 * number, 0.6, 0.09) for number in range(6)]
    assert texts(joined(list(reversed(slanted)))) == [f"line {number}" for number in range(6)]


def test_signs_that_textures_are_mistaken_for_are_left_out() -> None:
    found = joined([line(text, y=0.1 * row) for row, text in enumerate(["1", "-", "|l", "...", "=-=1", "B2", "Exit"])])
    assert texts(found) == ["B2", "Exit"]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("NO PARKING", "NOPARKING", True),
        ("12:00:59", "12:01:00", False),
        ("12:00:58", "12:00:59", True),
        ("Conference Centre", "Conferense Centrc", True),
        ("Exit", "Edit", False),
        ("OPEN", "open", True),
        ("Entrance", "Emergency exit", False),
    ],
)
def test_what_counts_as_the_same_text(a: str, b: str, same: bool) -> None:
    assert alike(a, b) is alike(b, a) is same


def test_a_line_is_there_after_two_reads_and_told_once() -> None:
    memory = TextMemory()
    memory.take([line("EXIT")])
    assert (memory.lines, memory.unsure, memory.news(0.0)) == ((), True, ())
    memory.take([line("EXIT")])
    assert (texts(memory.lines), memory.unsure) == (["EXIT"], False)
    assert texts(memory.news(2.0)) == ["EXIT"]
    for at in range(4, 120, 2):
        memory.take([line("EXIT" if at % 4 else "EXlT 1")])
        assert memory.news(float(at)) == ()


def test_a_line_that_is_misread_once_is_not_told() -> None:
    memory = TextMemory()
    for text in ("8 Lrk", "Park", "Pqrt 7"):
        memory.take([line(text)])
        assert memory.news(0.0) == ()


def read_twice(memory: TextMemory, text: str, at: float) -> list[str]:
    memory.take([line(text)])
    memory.take([line(text)])
    return texts(memory.news(at))


def test_only_what_is_new_is_told_and_old_text_again_after_half_a_minute() -> None:
    memory = TextMemory()
    assert read_twice(memory, "Platform 4", 0) == ["Platform 4"]
    memory.clear()
    assert read_twice(memory, "Platform 4", 10) == []
    assert read_twice(memory, "Mind the gap", 15) == ["Mind the gap"]
    memory.clear()
    assert read_twice(memory, "Platform 4", 60) == ["Platform 4"]


def test_text_that_is_gone_is_not_there_any_more() -> None:
    memory = TextMemory()
    read_twice(memory, "Platform 4", 0)
    memory.take([])
    assert texts(memory.lines) == ["Platform 4"], "one look may miss it"
    memory.take([])
    assert memory.lines == ()


def test_of_very_much_text_the_largest_lines_are_kept_in_order() -> None:
    names = [chr(ord("a") + number) * 6 for number in range(20)]
    lines = [line(name, y=0.04 * row, height=0.03 if row % 2 else 0.02) for row, name in enumerate(names)]
    memory = TextMemory()
    memory.take(lines)
    memory.take(lines)
    kept = texts(memory.lines)
    assert len(kept) == 12
    assert set(names[1::2]) <= set(kept)
    assert kept == sorted(kept)
