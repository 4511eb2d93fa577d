import os
from pathlib import Path

import cv2
import pytest
from fakes.clips import number_in, numbered_picture

from narrator.errors import SourceRefused
from narrator.messages import Notice
from narrator.registry import create_source, source_spec, source_title
from narrator.seams import Context


def album(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), numbered_picture(number))
    return folder


def show(folder: Path, pace: float = 1.0) -> tuple[list[tuple[float, int]], list[Notice]]:
    """When each picture first shows, with its number, the end as number -1, and what was told."""
    notices: list[Notice] = []
    source = create_source(str(folder), Context({"slides.pace": pace}, notices.append))
    source.open()
    turns, at = [], 0.0
    while picture := source.read():
        at = picture.media_t
        if not turns or turns[-1][1] != number_in(picture.pixels):
            turns.append((at, number_in(picture.pixels)))
    source.close()
    return [*turns, (round(at + 0.2, 3), -1)], notices


def test_pictures_follow_each_other_at_the_set_pace_in_natural_order(tmp_path: Path) -> None:
    album(tmp_path, "Bild1.png", "bild2.png", "bild10.png", "bild11.jpg")
    (tmp_path / "notes.txt").write_text("not shown")
    assert source_spec(str(tmp_path)).id == "slides"
    turns, told = show(tmp_path)
    assert turns == [(0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (4.0, -1)]
    assert told == []


def test_one_picture_is_shown_as_long_as_any_other(tmp_path: Path) -> None:
    assert show(album(tmp_path, "only.png"), 2.0)[0] == [(0.0, 0), (2.0, -1)]


def test_it_can_be_shown_again(tmp_path: Path) -> None:
    source = create_source(str(album(tmp_path, "1.png", "2.png")), Context({"slides.pace": 0.5}))
    source.open()
    while source.skip() is not None:
        pass
    source.rewind()
    picture = source.read()
    assert picture is not None
    assert (picture.media_t, number_in(picture.pixels)) == (0.0, 0)


def test_what_cannot_be_read_is_left_out_with_one_notice(tmp_path: Path) -> None:
    album(tmp_path, "1.png", "4.png")
    (tmp_path / "2.png").write_text("no picture")
    (tmp_path / "3.jpg").write_bytes(b"\xff\xd8\xff")
    turns, told = show(tmp_path)
    assert turns == [(0.0, 0), (1.0, 1), (2.0, -1)]
    assert [notice.text for notice in told] == ["2.png cannot be read and is left out, like any other that cannot."]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(SourceRefused, match="holds no pictures"):
        show(tmp_path)


def test_a_folder_without_one_readable_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_text("no picture")
    with pytest.raises(SourceRefused, match="can be read"):
        show(tmp_path)


def test_odd_names_are_shown_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("~holiday", os.fsdecode(b"M\xe4rz")):
        folder = tmp_path / "plain"
        folder.mkdir()
        folder = album(folder, "1.png").rename(tmp_path / name)  # OpenCV cannot write into the other
        (folder / os.fsdecode(b"\xe9.png")).write_text("no picture")
        turns, told = show(Path(name))
        assert turns == [(0.0, 0), (1.0, -1)]
        assert [notice.text for notice in told] == ["?.png cannot be read and is left out, like any other that cannot."]
    assert source_title("~holiday") == "the folder ~holiday"
    assert source_title(os.fsdecode(b"M\xe4rz")) == "the folder M?rz"
