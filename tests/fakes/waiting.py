"""Waits for what other threads and processes do."""

import time
from collections.abc import Callable

STEP = 0.01


def eventually(condition: Callable[[], object], within: float = 10.0) -> bool:
    """True as soon as `condition` holds, False when it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP)
    return True
