"""A folder of pictures, shown one after the other."""

import re
from pathlib import Path

from narrator.errors import SourceRefused
from narrator.messages import Level, Notice, Picture, Pixels
from narrator.seams import Context, Setting, Source, SourceSpec
from narrator.sources._pictures import STEP, SUFFIXES, load_picture
from narrator.sources._probe import name_of, path_of, why_unreadable

SPEC = SourceSpec(
    id="slides",
    title="Folder of pictures",
    help="The pictures of a folder, one after the other.",
    folders=True,
    example="holiday/",
    settings=(Setting("slides.pace", 5.0, "How long each picture of a folder is shown.", 0.5, 3600, unit="s"),),
)


def create(address: str, context: Context) -> Source:
    return _Slides(path_of(address), context)


def title(address: str) -> str:
    return f"the folder {name_of(path_of(address).absolute()) or address}"


class _Slides:
    live = False

    def __init__(self, folder: Path, context: Context) -> None:
        self._folder = folder
        self._context = context
        self._waiting: list[Path] = []
        self._pixels: Pixels | None = None
        self._shown = 0
        self._next_at = 0.0
        self._is_told = False

    def open(self) -> None:
        problem = why_unreadable(self._folder, "folder")
        if problem:
            raise problem
        paths = [path for path in self._folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        if not paths:
            remedy = "Choose a folder with pictures in it; a video is chosen by its own name."
            raise SourceRefused(f"The folder {name_of(self._folder)} holds no pictures.", remedy)
        self._waiting = sorted(paths, key=_natural)
        self._shown, self._next_at = 0, 0.0
        self._turn()
        if self._pixels is None:
            raise SourceRefused(
                f"No picture in the folder {name_of(self._folder)} can be read.", "Choose another folder."
            )

    def read(self) -> Picture | None:
        at = self.skip()
        return None if self._pixels is None or at is None else Picture(self._pixels, at)

    def skip(self) -> float | None:
        at = self._shown * STEP
        if at >= self._next_at:
            self._turn()
        self._shown += 1
        return None if self._pixels is None else at

    def rewind(self) -> None:
        self.open()

    def close(self) -> None:
        self._waiting, self._pixels = [], None

    def _turn(self) -> None:
        """Go to the next picture that can be read; to none after the last."""
        self._pixels = None
        while self._waiting and self._pixels is None:
            path = self._waiting.pop(0)
            try:
                self._pixels = load_picture(path)
            except SourceRefused as error:
                self._tell(path, error)
        self._next_at += self._context.number("slides.pace")

    def _tell(self, path: Path, error: SourceRefused) -> None:
        if not self._is_told:
            self._is_told = True
            text = f"{name_of(path)} cannot be read and is left out, like any other that cannot."
            self._context.notify(Notice(Level.WARNING, text, error.remedy))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that puts picture 9 before picture 10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
