"""What was sent, as texts for a table."""

import time
from collections import Counter
from collections.abc import Sequence

from narrator.caps import money
from narrator.sent import Sent, SentPicture

HEADS = ("Time", "To", "Pictures", "Sizes", "Tokens", "Cost")


def rows(entries: Sequence[Sent]) -> list[tuple[str, ...]]:
    """Each request as texts, in the order of `HEADS`."""
    return [_row(sent) for sent in entries]


def total(entries: Sequence[Sent]) -> str:
    """The sum in a sentence; empty when nothing was sent."""
    if not entries:
        return ""
    pictures = [picture for sent in entries for picture in sent.pictures]
    parts = (
        f"{_count(len(entries), 'request')} with {_count(len(pictures), 'picture')}",
        _bytes(sum(picture.bytes for picture in pictures)),
        f"{sum(sent.tokens for sent in entries):,} tokens",
        money(sum(sent.cost for sent in entries)),
    )
    return ", ".join(parts) + "."


def _row(sent: Sent) -> tuple[str, ...]:
    about = "about " if sent.estimated or not sent.tokens_in else ""
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(sent.at)),
        f"{sent.backend}, {sent.host}" if sent.host else sent.backend,
        _count(len(sent.videos), "video") if sent.videos else str(len(sent.pictures)),
        ", ".join(f"{count} × {size}" for size, count in Counter(map(_size, sent.pictures)).items()),
        f"{about}{sent.tokens:,}",
        money(sent.cost),
    )


def _size(picture: SentPicture) -> str:
    sheet = f" of {len(picture.ages)}" if picture.ages else ""
    return f"{picture.width}×{picture.height}{sheet}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _bytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"
