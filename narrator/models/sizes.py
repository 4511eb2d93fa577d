"""Sizes and times in words."""

_UNITS = ((1_000_000_000, "GB", 1), (1_000_000, "MB", 0), (1000, "kB", 0), (1, "bytes", 0))


def in_words(size: float) -> str:
    """Bytes as a person says them: 279 MB, 2.5 GB."""
    scale, unit, places = next((row for row in _UNITS if size >= 0.9995 * row[0]), _UNITS[-1])
    return f"{size / scale:.{places}f} {unit}"


def time_in_words(seconds: float) -> str:
    """A time as a person says it: 40 seconds, 3 minutes, 2 hours."""
    if seconds < 99:
        count, unit = max(1, round(seconds)), "second"
    elif seconds < 99 * 60:
        count, unit = round(seconds / 60), "minute"
    else:
        count, unit = round(seconds / 3600), "hour"
    return f"{count} {unit}{'' if count == 1 else 's'}"
