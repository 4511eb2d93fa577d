from pathlib import Path

import pytest

from narrator.errors import SourceLost, SourceRefused
from narrator.registry import source_title
from narrator.seams import Context
from narrator.sources.camera import Camera, found_cameras


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder as Linux makes it for a laptop's camera, which has a second device for its data, and a USB camera."""
    for number, index, name in ((10, 0, "USB Live camera"), (0, 0, "Integrated Webcam"), (1, 1, "Integrated Webcam")):
        folder = tmp_path / f"video{number}"
        folder.mkdir()
        (folder / "index").write_text(f"{index}\n")
        (folder / "name").write_text(f"{name}\n")
    return tmp_path


def refusal(wanted: str, context: Context, devices: Path) -> SourceRefused:
    with pytest.raises(SourceRefused) as caught:
        Camera(wanted, context, devices).open()
    return caught.value


def test_cameras_are_found_in_the_order_of_their_numbers(devices: Path) -> None:
    assert found_cameras(devices) == [(0, "Integrated Webcam"), (10, "USB Live camera")]


def test_no_camera_is_told(tmp_path: Path, context: Context) -> None:
    error = refusal("", context, tmp_path)
    assert error.sentence == "No camera was found."
    assert error.remedy == "Plug one in, or choose a screen, a stream or a file."
    assert refusal("97", context, tmp_path).sentence == "There is no camera 97; no camera was found at all."


@pytest.mark.parametrize("wanted", ["97", "Nikon", "/dev/video97"])
def test_a_camera_that_does_not_exist_is_told_with_those_that_do(wanted: str, devices: Path, context: Context) -> None:
    error = refusal(wanted, context, devices)
    assert error.sentence == f"There is no camera {wanted}."
    assert error.remedy == "Choose one that was found: camera:0 is Integrated Webcam; camera:10 is USB Live camera."


def test_a_file_that_is_no_camera_is_told(devices: Path, context: Context, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert "is not a camera" in refusal(str(tmp_path / "a"), context, devices).sentence


def test_a_camera_found_by_name_that_does_not_open_may_be_tried_again(devices: Path, context: Context) -> None:
    with pytest.raises(SourceLost, match="does not open"):
        Camera("usb live", context, devices).open()


def test_cameras_have_names_to_be_spoken() -> None:
    assert source_title("camera:0") == "camera 0"
    assert source_title("camera:/dev/video2") == "camera 2"
    assert source_title("camera:Integrated") == "the camera Integrated"
    assert source_title("camera") == "the camera"
