"""Video from the network: RTSP and HTTP cameras, and what is sent to a UDP port of ours."""

import time

from narrator.errors import SourceLost, SourceRefused
from narrator.messages import Level, Notice, Picture
from narrator.seams import Context, Source, SourceSpec
from narrator.sources._opencv import LONG_OPEN_TIMEOUT, OPEN_TIMEOUT, Reader, open_url
from narrator.sources._probe_stream import why_no_host, why_no_stream, why_silent

SPEC = SourceSpec(
    id="stream",
    title="Network stream",
    help="A camera or server on the network, or what arrives on a UDP port.",
    schemes=("rtsp", "rtsps", "http", "https", "udp"),
    example="rtsp://192.168.1.20/stream",
    needs_network=True,
)
_MISSING_SECONDS = 2.0
_MISSING_SHARE = 0.1
_NO_PICTURE = "No picture of this video can be shown."
_DOWNLOAD = "Download it and open the file, or convert it to MP4."


def create(address: str, context: Context) -> Source:
    return _Stream(address, context)


def title(address: str) -> str:  # noqa: ARG001 - the address of a stream is no name to be spoken
    return "the stream"


class _Stream:
    """A live stream or, where HTTP gives a video with a known end, a film that is paced like a file."""

    def __init__(self, url: str, context: Context) -> None:
        self.live = True
        scheme, mark, rest = url.partition(":")
        self._url = scheme.lower() + mark + rest
        self._is_http = scheme.lower().startswith("http")
        self._context = context
        self._reader: Reader | None = None
        self._opened_at = 0.0
        self._at = -1.0
        self._stopped_at: float | None = None
        self._has_shown = False

    def open(self) -> None:
        problem = why_no_host(self._url) or why_silent(self._url)
        if problem:
            raise problem
        reader = self._opened()
        if reader is None:
            raise why_no_stream(self._url)
        self.live = not (self._is_http and reader.duration)
        if self._at > 0:
            reader.seek(self._at)
        self._reader, self._opened_at = reader, time.monotonic()

    def read(self) -> Picture | None:
        if not self.live:
            return self._read_film()
        pixels = self._reader.read() if self._reader else None
        if pixels is None:
            raise SourceLost("The stream stopped.", "Check that the camera or the sender is running.")
        return Picture(pixels, time.monotonic() - self._opened_at)

    def skip(self) -> float | None:
        at = self._reader.advance() if self._reader else None
        if at is None:
            self._check_end()
        else:
            self._at = at
        return at

    def rewind(self) -> None:
        self.close()
        self._at, self._stopped_at = -1.0, None
        self.open()

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _opened(self) -> Reader | None:
        if self._url.startswith("rtsp"):
            return open_url(self._url, low_delay=True)
        return open_url(self._url, timeout=OPEN_TIMEOUT if self._is_http else LONG_OPEN_TIMEOUT)

    def _read_film(self) -> Picture | None:
        while (at := self.skip()) is not None:
            pixels = self._reader.pixels() if self._reader else None
            if pixels is not None:
                self._has_shown = True
                return Picture(pixels, at)
        if not self._has_shown and self._reader:
            raise SourceRefused(_NO_PICTURE, _DOWNLOAD)
        return None

    def _check_end(self) -> None:
        """Raise `SourceLost` when the film stopped before its end, unless it stops there every time."""
        reader = self._reader
        if reader is None:
            return
        duration = reader.duration or 0.0
        if self._at >= duration - min(_MISSING_SECONDS, _MISSING_SHARE * duration):
            return
        if self._at != self._stopped_at:
            self._stopped_at = self._at
            raise SourceLost("The stream stopped.")
        if self._at < 0:
            raise SourceRefused(_NO_PICTURE, _DOWNLOAD)
        self._context.notify(Notice(Level.WARNING, "The video ended early: the server gives no more of it."))
