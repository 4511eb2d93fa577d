import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes.capturing import StartCapture
from fakes.clips import number_in, numbered_picture
from numpy.typing import NDArray
from PIL import Image

from narrator.errors import SourceRefused
from narrator.registry import create_source, source_spec
from narrator.seams import Context


def shown(path: Path, context: Context) -> NDArray[np.uint8]:
    source = create_source(str(path), context)
    source.open()
    picture = source.read()
    source.close()
    assert picture is not None
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    return picture.pixels


def written(path: Path, pixels: NDArray[np.generic]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(1, 1, (1, 1)), (8000, 600, (288, 3840)), (300, 900, (900, 300)), (8000, 1, (1, 3840)), (3840, 10, (10, 3840))],
)
def test_odd_sizes(width: int, height: int, expected: tuple[int, int], tmp_path: Path, context: Context) -> None:
    path = written(tmp_path / "odd.png", np.full((height, width, 3), 90, np.uint8))
    pixels = shown(path, context)
    assert pixels.shape == (*expected, 3)
    assert pixels.mean() == pytest.approx(90, abs=1)


def test_grey_and_16_bit_and_1_bit_become_8_bit_bgr(tmp_path: Path, context: Context) -> None:
    grey = written(tmp_path / "grey.png", np.full((4, 5), 100, np.uint8))
    deep = written(tmp_path / "deep.png", np.full((4, 5, 3), 100 * 257, np.uint16))
    deep_grey = written(tmp_path / "deep.tiff", np.full((4, 5), 100 * 257, np.uint16))
    for path in (grey, deep, deep_grey):
        assert (shown(path, context) == 100).all(), path.name
    Image.new("1", (5, 4), 1).save(tmp_path / "one.png")
    assert (shown(tmp_path / "one.png", context) == 255).all()


def test_light_as_physics_measures_it_is_made_visible(tmp_path: Path, context: Context) -> None:
    light = np.tile(np.array([0.001, 1, 50], np.float32)[None, :, None], (4, 1, 3))
    values = shown(written(tmp_path / "sun.hdr", light), context)[0, :, 0]
    assert values[0] < values[1] < values[2] == 255


def test_what_is_transparent_lies_over_white(tmp_path: Path, context: Context) -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[:, :, 3] = (0, 128, 255)
    assert shown(written(tmp_path / "glass.png", pixels), context)[0, :, 0] == pytest.approx([255, 127, 0], abs=1)
    deep = pixels.astype(np.uint16) * 257
    assert shown(written(tmp_path / "deep.png", deep), context)[0, :, 0] == pytest.approx([255, 127, 0], abs=1)
    Image.new("LA", (3, 2), (0, 0)).save(tmp_path / "grey.png")
    assert (shown(tmp_path / "grey.png", context) == 255).all()
    Image.new("RGBA", (3, 2), (0, 0, 0, 0)).quantize(4).save(tmp_path / "few.png", transparency=0)
    assert (shown(tmp_path / "few.png", context) == 255).all()


def test_a_photo_is_turned_as_its_camera_was_held(tmp_path: Path, context: Context) -> None:
    photo = Image.new("RGB", (40, 20), "red")
    exif = photo.getexif()
    exif[0x0112] = 6  # orientation: turn clockwise by 90 degrees
    photo.save(tmp_path / "photo.jpg", exif=exif)
    assert shown(tmp_path / "photo.jpg", context).shape == (40, 20, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm", ".jp2", ".avif"])
def test_every_common_kind_is_read(suffix: str, tmp_path: Path, context: Context) -> None:
    path = written(tmp_path / f"Bild 渡{suffix}", numbered_picture(1234))
    assert source_spec(str(path)).id == "still"
    assert number_in(shown(path, context)) == 1234


def test_a_cmyk_jpeg_is_read(tmp_path: Path, context: Context) -> None:
    Image.new("CMYK", (30, 20), (0, 0, 0, 0)).save(tmp_path / "print.jpg")
    assert shown(tmp_path / "print.jpg", context).mean() > 250


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.png", b"", "a.png is empty."),
        ("a.png", b"Dear diary", "a.png is a text file, not a picture."),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(200), "a.jpg is not a picture that can be read."),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(200), "a.heic is a HEIC picture, which cannot be read."),
    ],
)
def test_what_is_no_picture_is_told(name: str, content: bytes, sentence: str, tmp_path: Path, context: Context) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceRefused) as caught:
        create_source(str(tmp_path / name), context).open()
    assert caught.value.sentence == sentence
    assert caught.value.remedy


def test_a_picture_stays_and_never_ends(tmp_path: Path, captured: StartCapture) -> None:
    playing = captured(str(written(tmp_path / "one.png", numbered_picture(7))))
    assert playing.has(6)
    first, last = playing.frames.all[0], playing.frames.all[-1]
    assert last.captured_at - first.captured_at == pytest.approx(1.0, abs=0.2)
    assert last.pixels is first.pixels
    assert not playing.capture.ended.is_set()


def test_odd_names_are_shown_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
    monkeypatch.chdir(tmp_path)
    plain = written(tmp_path / "plain.png", numbered_picture(5))
    for name in (os.fsdecode(b"caf\xe9.png"), "~holiday.png"):
        shutil.copy(plain, name)
        assert number_in(shown(Path(name), context)) == 5
    Path(os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    with pytest.raises(SourceRefused, match=r"caf\?\.png is empty"):
        shown(Path(os.fsdecode(b"caf\xe9.png")), context)
    with pytest.raises(SourceRefused, match="no folder called ~nobody"):
        shown(Path("~nobody-of-that-name/a.png"), context)
