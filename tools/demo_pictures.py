"""The photographs of the demo clip, cut out of their backgrounds, and the drawn scenes that they stand in."""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 720

Pixels = NDArray[Any]
Point = tuple[int, int]

PHOTOS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "horse.png": "c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455",
}
"""Their sha256, in the folder skimage/data of the wheel. NOTICE names their makers and terms."""

_ASTRONAUT = [(60, 344), (60, 300), (130, 240), (180, 230), (160, 190), (180, 150), (170, 60), (230, 25), (280, 60)]
_ASTRONAUT += [(270, 130), (270, 190), (310, 240), (345, 300), (350, 344)]
_ROUND_ASTRONAUT = [(15, 344), (35, 300), (45, 240), (110, 200), (110, 150), (150, 110), (145, 60), (170, 20)]
_ROUND_ASTRONAUT += [(230, 8), (290, 25), (310, 70), (300, 120), (285, 160), (320, 190), (365, 260), (372, 344)]
_NOT_ASTRONAUT = [
    [(270, 136), (263, 160), (256, 170), (272, 180), (290, 200), (300, 150)],
    [(150, 120), (175, 128), (182, 138), (184, 146), (150, 148)],
]
_BUST_ROWS = 345
"""Below it is the helmet in her arms, which the detector takes for a backpack."""
_FILMER = [(30, 500), (30, 240), (60, 180), (130, 130), (170, 80), (210, 75), (250, 110), (240, 150), (220, 190)]
_FILMER += [(290, 200), (280, 230), (240, 260), (200, 300), (150, 350), (140, 400), (130, 505)]
_CAMERA = [(265, 145), (310, 142), (322, 165), (300, 185), (265, 180)]
_ROUND_FILMER = [(0, 511), (5, 400), (0, 230), (20, 170), (80, 120), (130, 90), (160, 55), (220, 55), (275, 100)]
_ROUND_FILMER += [(330, 130), (340, 190), (330, 230), (290, 320), (215, 340), (175, 390), (158, 511)]
_NOT_FILMER = [
    [(150, 85), (172, 72), (168, 95), (150, 110)],
    [(242, 190), (275, 190), (262, 215), (250, 245)],
    [(300, 240), (330, 240), (330, 300), (300, 300)],
]
_TRIPOD_BARS = [
    ((293, 200), (293, 486), 11),
    ((309, 330), (405, 511), 6),
    ((285, 330), (235, 511), 9),
    ((288, 340), (246, 511), 7),
    ((309, 317), (327, 304), 4),
    ((260, 467), (289, 481), 4),
    ((246, 492), (290, 484), 4),
    ((300, 484), (382, 481), 3),
    ((280, 321), (310, 321), 17),
]
_TRIPOD_KNOBS = [((332, 304), 5), ((389, 482), 7), ((236, 493), 7), ((257, 468), 6)]


@dataclass(frozen=True)
class Cutout:
    """A thing without its background: BGR, and how opaque each pixel is, 0 to 1."""

    pixels: Pixels
    opacity: Pixels

    def mirrored(self) -> "Cutout":
        return Cutout(self.pixels[:, ::-1], self.opacity[:, ::-1])

    def on(self, scene: Pixels, left: float, bottom: float, height: float, turn: float = 0.0) -> Pixels:
        """The scene with the thing in it, its lower left corner there (pixels), turned by `turn` degrees."""
        own_height, own_width = self.opacity.shape
        scale = height / own_height
        matrix = cv2.getRotationMatrix2D((own_width / 2, own_height / 2), turn, scale)
        matrix[:, 2] += (left + own_width * (scale - 1) / 2, bottom - own_height * (scale + 1) / 2)
        size = (scene.shape[1], scene.shape[0])
        opacity = cv2.warpAffine(self.opacity, matrix, size, flags=cv2.INTER_CUBIC)
        pixels = cv2.warpAffine(self.pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return blend(scene, pixels, np.clip(opacity, 0, 1))


@dataclass(frozen=True)
class Photos:
    """The photographs, ready to be shown."""

    astronaut: Cutout
    filmer: Cutout
    dark_horse: Cutout
    bay_horse: Cutout
    cat: Cutout


def photos(wheel: Path) -> Photos:
    """Read them from the wheel and cut them out. Raises ValueError when one is not as expected."""
    pictures = {name: _read(wheel, name, digest) for name, digest in PHOTOS.items()}
    return Photos(
        astronaut=_cut_out(pictures["astronaut.png"][:_BUST_ROWS], _ROUND_ASTRONAUT, [_ASTRONAUT], _NOT_ASTRONAUT),
        filmer=_cut_out(pictures["camera.png"], _ROUND_FILMER, [_FILMER, _CAMERA], _NOT_FILMER, with_tripod=True),
        dark_horse=_silhouette(pictures["horse.png"], (38, 44, 62)),
        bay_horse=_silhouette(pictures["horse.png"], (40, 70, 120)).mirrored(),
        cat=_print(pictures["chelsea.png"]),
    )


def blend(below: Pixels, above: Pixels, opacity: Pixels | float) -> Pixels:
    """`above` over `below` where `opacity` (0 to 1, one number or one a pixel) says so."""
    weight = opacity[..., None] if isinstance(opacity, np.ndarray) else opacity
    mixed: Pixels = below + (above.astype(np.float32) - below) * weight
    return mixed


def card(title: str, subtitle: str = "") -> Pixels:
    """A dark card with a title."""
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    scene = np.broadcast_to(np.array([150, 96, 52]) * (1 - down) + np.array([96, 58, 34]) * down, (HEIGHT, WIDTH, 3))
    lines = [(title, 96, 300, (245, 245, 245)), (subtitle, 52, 420, (90, 190, 250))]
    return _with_text(scene, [line for line in lines if line[0]])


def field() -> Pixels:
    """A meadow before hills under an evening sky, no photograph."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    height = (down / HEIGHT)[..., None]
    scene = np.array([215, 165, 110]) * (1 - height) + np.array([150, 205, 250]) * height
    sun = np.exp(-(((across - 930) / 190) ** 2 + ((down - 330) / 190) ** 2))[..., None]
    scene = scene + sun * np.array([25, 62, 75])
    for colour, base, waves in (
        ((165, 170, 140), 380, ((70, 190, 0.5), (25, 61, 1.0))),
        ((120, 150, 120), 440, ((45, 140, 2.0), (14, 47, 0.3))),
    ):
        ridge = base + sum(size * np.sin(across / length + phase) for size, length, phase in waves)
        scene = blend(scene, np.full_like(scene, colour), np.clip(down - ridge, 0, 1))
    near = np.clip((down - 500) / 220, 0, 1)[..., None]
    grass = np.array([110, 185, 140]) * (1 - near) + np.array([60, 125, 95]) * near
    return blend(scene, grass, np.clip((down - 498) / 3, 0, 1))


def studio() -> Pixels:
    """A plain room with a light on its wall, no photograph."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    light = np.exp(-(((across - 560) / 620) ** 2 + ((down - 260) / 460) ** 2))[..., None]
    wall = np.array([122, 132, 128]) + light * np.array([88, 92, 96])
    floor = np.array([88, 104, 118]) + light * np.array([40, 46, 52])
    return blend(wall, floor, np.clip((down - 600) / 2, 0, 1))


def table() -> Pixels:
    """A light table seen from above, no photograph."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    grain = 1.5 * np.sin(down / 9 + 2.5 * np.sin(across / 310)) + 2 * np.sin(down / 31 + across / 900)
    return np.array([178, 200, 214]) + grain[..., None]


def sign(text: str) -> Cutout:
    """A yellow board on two strings, with black letters."""
    width, height = 620, 240
    board = np.full((height, width, 3), (60, 205, 250), np.uint8)
    opacity = np.zeros((height, width), np.uint8)
    for x in (110, width - 110):
        cv2.line(opacity, (x, 0), (x, 120), 255, 5)
        cv2.line(board, (x, 0), (x, 119), (70, 80, 80), 5)
    cv2.rectangle(opacity, (10, 110), (width - 10, height - 8), 255, -1)
    cv2.rectangle(board, (18, 118), (width - 18, height - 16), (30, 30, 30), 4)
    drawn = _with_text(board, [(text, 70, 176, (25, 25, 25))])
    return Cutout(drawn, _soft(opacity))


def _read(wheel: Path, name: str, digest: str) -> Pixels:
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(f"skimage/data/{name}")
    if sha256(data).hexdigest() != digest:
        raise ValueError(f"{name} is not the picture that NOTICE names")
    picture: Pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return picture


def _cut_out(
    photo: Pixels,
    around: Sequence[Point],
    inside: Iterable[Sequence[Point]],
    outside: Iterable[Sequence[Point]],
    *,
    with_tripod: bool = False,
) -> Cutout:
    """GrabCut from hand-drawn outlines: surely inside, surely outside, and what is in between is found."""
    cv2.setRNGSeed(7)
    mask = np.full(photo.shape[:2], cv2.GC_BGD, np.uint8)
    cv2.fillPoly(mask, [np.array(around)], cv2.GC_PR_FGD)
    for outline in inside:
        cv2.fillPoly(mask, [np.array(outline)], cv2.GC_FGD)
    for outline in outside:
        cv2.fillPoly(mask, [np.array(outline)], cv2.GC_BGD)
    cv2.grabCut(photo, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    solid = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(solid)
    solid = np.where(labels == 1 + np.argmax(sizes[1:, cv2.CC_STAT_AREA]), 255, 0).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5)))
    if with_tripod:
        for start, end, thickness in _TRIPOD_BARS:
            cv2.line(solid, start, end, 255, thickness)
        for centre, radius in _TRIPOD_KNOBS:
            cv2.circle(solid, centre, radius, 255, -1)
    return Cutout(photo, _soft(solid))


def _silhouette(drawing: Pixels, colour: tuple[int, int, int]) -> Cutout:
    """A dark shape on a light ground, in one colour, large enough to have smooth edges."""
    dark = np.where(drawing[..., 0] < 128, 255, 0).astype(np.uint8)
    large = cv2.GaussianBlur(cv2.resize(dark, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), (0, 0), 2.5)
    sharp = np.clip((large.astype(np.float32) - 90) / 76, 0, 1)
    return Cutout(np.full((*sharp.shape, 3), colour, np.uint8), sharp)


def _print(photo: Pixels) -> Cutout:
    """A photograph on paper, with a white border and a shadow."""
    border, margin = 14, 40
    framed = cv2.copyMakeBorder(photo, *[border] * 4, cv2.BORDER_CONSTANT, value=(245, 247, 248))
    pixels = cv2.copyMakeBorder(framed, *[margin] * 4, cv2.BORDER_CONSTANT, value=(20, 25, 30))
    shadow = np.zeros(pixels.shape[:2], np.float32)
    shadow[margin + 8 : -margin + 12, margin + 6 : -margin + 10] = 0.5
    opacity = cv2.GaussianBlur(shadow, (0, 0), 9)
    opacity[margin:-margin, margin:-margin] = 1
    return Cutout(pixels, opacity)


def _soft(solid: Pixels) -> Pixels:
    return cv2.GaussianBlur(solid, (0, 0), 1.2).astype(np.float32) / 255


def _with_text(scene: Pixels, lines: Iterable[tuple[str, int, int, tuple[int, int, int]]]) -> Pixels:
    """Centred lines: text, size, vertical centre, BGR colour. The font comes with Pillow."""
    canvas = Image.fromarray(np.ascontiguousarray(scene[..., ::-1]).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for text, size, middle, colour in lines:
        font = ImageFont.load_default(size)
        draw.text((scene.shape[1] / 2, middle), text, fill=colour[::-1], font=font, anchor="mm")
    return np.asarray(canvas)[..., ::-1].astype(np.float32)
