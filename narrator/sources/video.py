"""Video files, played in real time."""

from pathlib import Path

from narrator.seams import Context, Source, SourceSpec
from narrator.sources._film import Film

SPEC = SourceSpec(
    id="video",
    title="Video file",
    help="A video file, played in real time by its own timestamps.",
    suffixes=("*",),
    example="holiday.mp4",
)


def create(address: str, context: Context) -> Source:
    return Film(Path(address).expanduser(), context)


def title(address: str) -> str:
    return f"the video {Path(address).name}"
