"""One picture, shown for as long as one likes."""

from pathlib import Path

from narrator.messages import Picture, Pixels
from narrator.seams import Context, Source, SourceSpec
from narrator.sources._pictures import STEP, SUFFIXES, load_picture
from narrator.sources._probe import name_of, path_of

SPEC = SourceSpec(
    id="still",
    title="Picture",
    help="A picture file; it stays until you end.",
    suffixes=SUFFIXES,
    example="holiday.jpg",
)


def create(address: str, context: Context) -> Source:  # noqa: ARG001 - a picture has no settings
    return _Still(path_of(address))


def title(address: str) -> str:
    return f"the picture {name_of(path_of(address))}"


class _Still:
    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pixels: Pixels | None = None
        self._shown = 0

    def open(self) -> None:
        self._pixels, self._shown = load_picture(self._path), 0

    def read(self) -> Picture | None:
        pixels, at = self._pixels, self.skip()
        return None if pixels is None or at is None else Picture(pixels, at)

    def skip(self) -> float | None:
        self._shown += 1
        return None if self._pixels is None else (self._shown - 1) * STEP

    def rewind(self) -> None:
        self._shown = 0

    def close(self) -> None:
        self._pixels = None
