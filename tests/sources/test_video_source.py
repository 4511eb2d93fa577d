import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fakes.capturing import StartCapture
from fakes.clips import number_in, write_numbered_clip

from narrator.errors import SourceRefused
from narrator.registry import create_source, source_spec, source_title
from narrator.seams import Context, Source
from narrator.sources import _opencv
from narrator.sources._probe import is_cut_short

MKV = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AVI = ("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p")


def numbers(source: Source) -> list[int]:
    found = []
    source.open()
    while picture := source.read():
        found.append(number_in(picture.pixels))
    source.close()
    return found


def refusal(path: Path, context: Context) -> SourceRefused:
    with pytest.raises(SourceRefused) as caught:
        create_source(str(path), context).open()
    return caught.value


def test_every_frame_of_a_file_arrives(numbered_clip: Path, context: Context) -> None:
    assert numbers(create_source(str(numbered_clip), context)) == list(range(120))


def test_every_frame_arrives_while_a_live_stream_opens(
    numbered_clip: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;udp")
    assert _opencv.open_url("rtsp://127.0.0.1:9/nothing", low_delay=True) is None
    assert _opencv.os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "rtsp_transport;udp", "the user's own is put back"
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS")
    assert _opencv.open_url("rtsp://127.0.0.1:9/nothing", low_delay=True) is None
    assert numbers(create_source(str(numbered_clip), context)) == list(range(120))


def test_skipping_passes_over_one_picture_each(numbered_clip: Path, context: Context) -> None:
    source = create_source(str(numbered_clip), context)
    source.open()
    assert source.skip() == 0.0
    assert source.skip() == pytest.approx(1 / 30)
    picture = source.read()
    assert picture is not None
    assert number_in(picture.pixels) == 2
    source.rewind()
    picture = source.read()
    assert picture is not None
    assert (number_in(picture.pixels), picture.media_t) == (0, 0.0)
    source.close()


def test_times_are_those_of_the_file(tmp_path: Path, context: Context) -> None:
    uneven = tmp_path / "uneven.mkv"
    write_numbered_clip(uneven, 20, options=("-vf", "select='not(between(n,5,14))'", "-fps_mode", "vfr", *MKV))
    source = create_source(str(uneven), context)
    source.open()
    times = []
    while (at := source.skip()) is not None:
        times.append(round(at * 30))
    source.close()
    assert times == [0, 1, 2, 3, 4, 15, 16, 17, 18, 19]


@pytest.mark.parametrize("size", [(2, 2), (98, 1800), (322, 34), (4096, 64)])
def test_odd_sizes_play(size: tuple[int, int], tmp_path: Path, context: Context) -> None:
    path = write_numbered_clip(tmp_path / "odd.mkv", 3, size=size, options=MKV)
    source = create_source(str(path), context)
    source.open()
    picture = source.read()
    assert picture is not None
    assert picture.pixels.shape == (size[1], size[0], 3)
    source.close()


def test_a_grey_video_comes_as_bgr(tmp_path: Path, context: Context) -> None:
    options = ("-c:v", "ffv1", "-pix_fmt", "gray")
    path = write_numbered_clip(tmp_path / "grey.mkv", 3, options=options)
    assert numbers(create_source(str(path), context)) == [0, 1, 2]


def test_a_video_filmed_upright_is_shown_upright(tmp_path: Path, numbered_clip: Path, context: Context) -> None:
    turned = tmp_path / "turned.mp4"
    turn = ["-c", "copy", "-metadata:s:v", "rotate=90"]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", numbered_clip, *turn, turned], check=True)
    source = create_source(str(turned), context)
    source.open()
    picture = source.read()
    assert picture is not None
    assert picture.pixels.shape == (320, 180, 3)
    assert picture.pixels.flags.c_contiguous
    source.close()


@pytest.mark.parametrize(
    ("suffix", "options"), [(".mp4", ("-movflags", "+faststart", *MKV)), (".mkv", MKV), (".avi", AVI)]
)
def test_a_truncated_video_is_played_as_far_as_it_goes_and_then_told(
    suffix: str, options: tuple[str, ...], tmp_path: Path, captured: StartCapture
) -> None:
    whole = write_numbered_clip(tmp_path / f"whole{suffix}", 30, size=(640, 360), options=options)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert not is_cut_short(whole)
    playing = captured(str(cut))
    assert playing.capture.ended.wait(5)
    assert len(playing.frames.all) > 5
    assert playing.capture.failure is None
    assert playing.told == [f"The video cut{suffix} ended early: the file is incomplete."]


def test_a_whole_video_ends_without_a_word(short_clip: Path, captured: StartCapture) -> None:
    playing = captured(str(short_clip))
    assert playing.capture.ended.wait(5)
    assert playing.told == []


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path, context: Context) -> None:
    (tmp_path / "holiday.mp4").touch()
    error = refusal(tmp_path / "holliday.mp4", context)
    assert error.sentence == "There is no file called holliday.mp4."
    assert error.remedy == "Did you mean holiday.mp4?"
    assert "no folder" in refusal(tmp_path / "no" / "such.mp4", context).sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "clip.mp4 is empty."),
        ("Dear diary, it is März.".encode(), "clip.mp4 is a text file, not a video."),
        (b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb\x90\0" * 90, "clip.mp4 holds sound but no picture."),
        (np.random.default_rng(1).bytes(5000), "clip.mp4 is not a video that can be played."),
    ],
)
def test_what_is_no_video_is_told_apart(content: bytes, sentence: str, tmp_path: Path, context: Context) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    error = refusal(path, context)
    assert error.sentence == sentence
    assert error.remedy


def test_a_video_without_its_index_is_told(numbered_clip: Path, tmp_path: Path, context: Context) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(numbered_clip.read_bytes()[:2000])
    assert refusal(path, context).sentence == "The video clip.mp4 is incomplete: its index is missing."


def test_names_that_look_like_something_else_open(short_clip: Path, tmp_path: Path, context: Context) -> None:
    for name in ("rtsp:odd %03d name.mp4", "Überfahrt 渡.mp4", "-loglevel.mp4"):
        path = tmp_path / name
        path.write_bytes(short_clip.read_bytes())
        assert len(numbers(create_source(str(path), context))) == 15


def test_a_device_is_pointed_to_the_camera_source(context: Context) -> None:
    assert "camera:/dev/null" in refusal(Path("/dev/null"), context).remedy


def test_a_film_may_be_closed_while_it_plays(numbered_clip: Path, captured: StartCapture) -> None:
    playing = captured(str(numbered_clip))
    assert playing.has(3)
    assert playing.capture.close() is None


def test_a_long_address_is_no_file() -> None:
    assert source_spec("http://127.0.0.1/" + "x" * 5000).id == "stream"


def test_a_name_that_is_no_text_plays_and_can_be_told(
    short_clip: Path, tmp_path: Path, captured: StartCapture, context: Context
) -> None:
    folder = tmp_path / os.fsdecode(b"M\xe4rz")
    folder.mkdir()
    path = folder / os.fsdecode(b"caf\xe9.mp4")
    shutil.copy(short_clip, path)
    assert numbers(create_source(str(path), context)) == list(range(15))
    assert source_title(str(path)) == "the video caf?.mp4"
    path.write_bytes(b"Dear diary")
    assert refusal(path, context).sentence == "caf?.mp4 is a text file, not a video."
    path.unlink()
    assert refusal(path, context).sentence == "There is no file called caf?.mp4."


def test_a_name_that_is_no_text_is_refused_where_open_files_have_no_other(short_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    shutil.copy(short_clip, path)
    with pytest.raises(SourceRefused) as caught:
        _opencv.open_file(path, descriptors=tmp_path / "none")
    assert caught.value.sentence.isascii()
    assert caught.value.remedy == "Rename it and its folders."


def test_a_name_that_begins_with_a_tilde_is_no_user(
    short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no folder called ~nobody-of-that-name" in refusal(Path("~nobody-of-that-name/x.mp4"), context).sentence
    shutil.copy(short_clip, "~holiday.mp4")
    assert len(numbers(create_source("~holiday.mp4", context))) == 15


def spoil(path: Path) -> Path:
    """Write zeros over all that an MP4 file shows, and leave its index."""
    content = path.read_bytes()
    at = content.index(b"mdat") + 4
    length = int.from_bytes(content[at - 8 : at - 4])
    path.write_bytes(content[:at] + bytes(length - 8) + content[at + length - 8 :])
    return path


def test_a_video_of_which_no_picture_can_be_shown_is_refused(
    short_clip: Path, tmp_path: Path, context: Context
) -> None:
    path = spoil(shutil.copy(short_clip, tmp_path / "spoilt.mp4"))
    source = create_source(str(path), context)
    source.open()
    with pytest.raises(SourceRefused) as caught:
        source.read()
    source.close()
    assert caught.value.sentence == "spoilt.mp4 is not a video that can be played."
    assert caught.value.remedy
