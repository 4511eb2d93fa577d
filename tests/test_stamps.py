"""The stamps that tell which frame a describer saw."""

import cv2
import numpy as np
import pytest
from fakes.stamps import age, draw, now_ms, stamp_in


@pytest.mark.parametrize("width", [1920, 1280, 768, 640, 384, 320])
def test_a_stamp_survives_shrinking_and_jpeg(width: int) -> None:
    random = np.random.default_rng(1)
    noise = cv2.resize(random.integers(70, 150, (36, 64, 3), np.uint8), (1920, 1080), interpolation=cv2.INTER_CUBIC)
    for _ in range(20):
        frame, scene, ms = (int(random.integers(0, most)) for most in (1 << 24, 256, 1 << 24))
        stamped = draw(np.asarray(noise, np.uint8).copy(), frame, scene, ms)
        small = cv2.resize(stamped, (width, width * 9 // 16), interpolation=cv2.INTER_AREA)
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()
        assert stamp_in(jpeg) == {"frame": frame, "scene": scene, "ms": ms}


def test_no_stamp_is_seen_where_there_is_none() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (360, 640, 3), np.uint8)
    assert stamp_in(cv2.imencode(".jpg", noise)[1].tobytes()) is None
    assert stamp_in(b"no picture") is None


def test_the_clock_passes_its_end() -> None:
    assert age(now_ms(1000.0), 1002.5) == 2.5
    end = (1 << 24) / 1000
    assert age(now_ms(end - 1), end + 1) == pytest.approx(2, abs=0.002)
