import subprocess
import sys

import pytest

from narrator.registry import source_choices, source_title, specs, without_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@10.0.0.5:554/live", "rtsp://10.0.0.5:554/live"),
        ("http://cam/video.cgi?user=admin&pwd=secret", "http://cam/video.cgi"),
        ("rtsp://user:sec/ret@cam/live", "rtsp://…"),
        ("rtsp://user:sec?ret@cam/live", "rtsp://…"),
        ("http://user:secret@cam/x?y=a@secret", "http://cam/x"),
        ("camera:0", "camera:0"),
        ("C:\\films\\a@b.mp4", "C:\\films\\a@b.mp4"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    assert without_secrets(address) == shown
    assert "secret" not in without_secrets(address)


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("rtsp://user:secret@10.0.0.5/live", "the stream"),
        ("udp://@:5004", "the stream"),
        ("demo", "the demo"),
        ("films/holiday.mp4", "the video holiday.mp4"),
        ("a/dog.JPG", "the picture dog.JPG"),
        ("/", "the folder /"),
    ],
)
def test_every_source_has_a_title_to_be_spoken(address: str, title: str) -> None:
    assert source_title(address) == title


def test_the_demo_is_always_offered() -> None:
    assert ("demo", "the demo") in source_choices()


def test_sources_are_listed_without_a_heavy_import() -> None:
    code = "import sys; from narrator import registry; registry.specs('sources'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(specs("sources")) == 7
    assert not {"cv2", "numpy", "mss", "ssl"} & set(loaded)
