"""Video files, played in real time."""

from narrator.seams import Context, Source, SourceSpec
from narrator.sources._film import Film
from narrator.sources._probe import name_of, path_of

SPEC = SourceSpec(
    id="video",
    title="Video file",
    help="A video file, played in real time by its own timestamps.",
    suffixes=("*",),
    example="holiday.mp4",
)


def create(address: str, context: Context) -> Source:
    return Film(path_of(address), context)


def title(address: str) -> str:
    return f"the video {name_of(path_of(address))}"
