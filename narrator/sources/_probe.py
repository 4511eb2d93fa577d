"""Finds out why a file is no video, and whether it is cut short; OpenCV only says that it did not open."""

import os
import stat
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

from narrator.errors import SourceRefused

_HEADER_BYTES = 4096
_MANY_BOXES = 100_000
_AGAIN = "Copy or download it again."
_SOUND = (b"ID3", b"fLaC", b"OggS", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
_UNKNOWN_SIZE = -1


def path_of(address: str) -> Path:
    """The path that a `--source` text means, in the user's own folder where it begins with ~."""
    return Path(os.path.expanduser(address))  # noqa: PTH111 - Path.expanduser raises for an unknown user


def name_of(path: Path) -> str:
    """A file's name as it is told."""
    return as_told(path.name)


def as_told(name: Path | str) -> str:
    """A name with "?" for bytes in it that are no text, which can be neither shown nor spoken."""
    return str(name).encode("utf-8", "replace").decode()


def why_unreadable(path: Path, kind: str) -> SourceRefused | None:
    """What is wrong with a file or folder before its contents count; None when it can be read and is not empty."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except (OSError, ValueError):
        mode = 0
    if not mode or not os.access(path, os.R_OK):
        return SourceRefused(f"{name_of(path)} may not be read.", "Ask its owner for the right to read it.")
    if stat.S_ISCHR(mode):
        return SourceRefused(
            f"{as_told(path)} is a device, not a {kind}.",
            f"For a camera write: --source camera:{as_told(path.absolute())}",
        )
    if stat.S_ISREG(mode) and not path.stat().st_size:
        return SourceRefused(f"{name_of(path)} is empty.", _AGAIN)
    return None


def why_no_video(path: Path) -> SourceRefused:
    """What is wrong with a readable file that did not open as a video."""
    name, header = name_of(path), _header(path)
    if is_text(path):
        return SourceRefused(f"{name} is a text file, not a video.", "Choose a video file.")
    if header.startswith(_PICTURES):
        remedy = "Give the file the ending of its kind, for example .jpg or .png."
        return SourceRefused(f"{name} is a picture, not a video.", remedy)
    if header.startswith(_SOUND) or (header[:4] == b"RIFF" and header[8:12] == b"WAVE"):
        return SourceRefused(f"{name} holds sound but no picture.", "Choose a video file.")
    if header[4:8] == b"ftyp" and not _has_index(path):
        return SourceRefused(f"The video {name} is incomplete: its index is missing.", _AGAIN)
    return SourceRefused(f"{name} is not a video that can be played.", "Convert it to MP4, or choose another file.")


def is_text(path: Path) -> bool:
    """Whether the file begins like a text."""
    header = _header(path)
    try:
        header.decode()
    except UnicodeDecodeError as error:
        is_cut_letter = len(header) == _HEADER_BYTES and error.start > len(header) - 4
        return is_cut_letter and b"\0" not in header
    return b"\0" not in header


def is_cut_short(path: Path) -> bool:
    """Whether an MP4, MOV, AVI, MKV or WebM file ends before its own headers say so; False when nobody can tell."""
    if not path.is_file():
        return False
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(12)
        if header[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return any(end > size for _, end in _boxes(file, size))
        if header[:4] == b"RIFF":
            return any(end > size for end in _riff_ends(file, size))
        if header[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_end(file) > size
    return False


def _missing(path: Path) -> SourceRefused:
    folder = path.parent
    if not folder.is_dir():
        return SourceRefused(f"There is no folder called {as_told(folder)}.", "Check the name.")
    near = get_close_matches(path.name, [entry.name for entry in folder.iterdir()], 1, 0.75)
    remedy = f"Did you mean {as_told(near[0])}?" if near else "Check the name and the folder."
    return SourceRefused(f"There is no file called {name_of(path)}.", remedy)


def _header(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _has_index(path: Path) -> bool:
    with path.open("rb") as file:
        return any(kind == b"moov" for kind, _ in _boxes(file, path.stat().st_size))


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """The outermost boxes of an MP4 file, each with the offset of its end (ISO/IEC 14496-12, 4.2)."""
    at = 0
    for _ in range(_MANY_BOXES):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind = int.from_bytes(header[:4]), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16])
        at = at + length if length >= 8 else size  # 0 means: up to the end of the file
        yield kind, at
        if at >= size:
            return


def _riff_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """The ends of the RIFF chunks of an AVI file; large ones have several (OpenDML)."""
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(8)
        if header[:4] != b"RIFF":
            return
        length = int.from_bytes(header[4:8], "little")
        at += 8 + length + length % 2
        yield at


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment of a Matroska file ends (RFC 8794, 4 and RFC 9559, 6); 0 when it does not say."""
    file.seek(4)
    header = _matroska_size(file)
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _matroska_size(file)
    return 0 if length == _UNKNOWN_SIZE else file.tell() + length


def _matroska_size(file: BinaryIO) -> int:
    first = file.read(1)
    if not first or not first[0]:
        return _UNKNOWN_SIZE
    width = 9 - first[0].bit_length()
    bits = 7 * width
    value = int.from_bytes(first + file.read(width - 1)) & ((1 << bits) - 1)
    return _UNKNOWN_SIZE if value == (1 << bits) - 1 else value
