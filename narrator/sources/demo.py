"""The clip that comes with the program."""

from pathlib import Path

from narrator.errors import DataFileDamaged, SourceRefused
from narrator.resources import resource
from narrator.seams import Context, Source, SourceSpec
from narrator.sources._film import Film

SPEC = SourceSpec(
    id="demo",
    title="Demo clip",
    help="The short clip that comes with the program.",
    schemes=("demo",),
    example="demo",
)
_CLIP = "demo/demo.mp4"


def create(address: str, context: Context) -> Source:  # noqa: ARG001 - there is one demo only
    return _Demo(Path(_CLIP), context)


def title(address: str) -> str:  # noqa: ARG001 - there is one demo only
    return "the demo"


def choices() -> list[tuple[str, str]]:
    return [("demo", "the demo")]


class _Demo(Film):
    def open(self) -> None:
        try:
            self._path = resource(_CLIP)
        except DataFileDamaged as error:
            raise SourceRefused(error.sentence, error.remedy) from error
        super().open()
