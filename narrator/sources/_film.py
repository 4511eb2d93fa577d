"""Plays a video file, picture by picture, with the times that the file gives."""

from pathlib import Path

from narrator.errors import SourceRefused
from narrator.messages import Level, Notice, Picture
from narrator.seams import Context
from narrator.sources._opencv import Reader, open_file
from narrator.sources._probe import is_cut_short, name_of, why_no_video, why_unreadable

_MISSING_SECONDS = 2.0
_MISSING_SHARE = 0.1


class Film:
    """A video file as a source that is not live."""

    live = False

    def __init__(self, path: Path, context: Context) -> None:
        self._path = path
        self._context = context
        self._reader: Reader | None = None
        self._at = 0.0
        self._is_told = False
        self._has_shown = False

    def open(self) -> None:
        problem = why_unreadable(self._path, "video")
        if problem:
            raise problem
        reader = open_file(self._path)
        if reader is None:
            raise why_no_video(self._path)
        self._reader, self._at = reader, 0.0

    def read(self) -> Picture | None:
        while (at := self.skip()) is not None:
            pixels = self._reader.pixels() if self._reader else None
            if pixels is not None:
                self._has_shown = True
                return Picture(pixels, at)
        if not self._has_shown and self._reader:
            raise self._why_no_picture()
        self._tell_early_end()
        return None

    def skip(self) -> float | None:
        at = self._reader.advance() if self._reader else None
        if at is not None:
            self._at = at
        return at

    def rewind(self) -> None:
        self.close()
        self.open()

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _why_no_picture(self) -> SourceRefused:
        if is_cut_short(self._path):
            sentence = f"The video {name_of(self._path)} is incomplete: no picture of it can be shown."
            return SourceRefused(sentence, "Copy or download it again.")
        return why_no_video(self._path)

    def _tell_early_end(self) -> None:
        if self._reader is None or self._is_told or not self._ends_early(self._reader):
            return
        self._is_told = True
        text = f"The video {name_of(self._path)} ended early: the file is incomplete."
        self._context.notify(Notice(Level.WARNING, text, "Copy or download it again."))

    def _ends_early(self, reader: Reader) -> bool:
        missing = (reader.duration or 0.0) - self._at
        allowed = max(_MISSING_SECONDS, _MISSING_SHARE * (reader.duration or 0.0))  # a longer sound track is no loss
        return missing > allowed or is_cut_short(self._path)
