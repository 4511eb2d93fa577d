"""An X display of its own for tests that need a real screen."""

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

STARTS_WITHIN = 20.0


@pytest.fixture(scope="session")
def xvfb_display() -> Iterator[str]:
    """The name (":N") of a white display of 1280x720 pixels that lives as long as the test run."""
    with running_xvfb("-wr") as display:
        yield display


@contextmanager
def running_xvfb(*options: str, size: str = "1280x720x24") -> Iterator[str]:
    """Start an X server on a free display number and give its name; it is ended on the way out."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp", "-noreset", *options]
    server = subprocess.Popen(command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writer)
    try:
        yield f":{_number(reader)}"
    finally:
        os.close(reader)
        server.terminate()
        server.wait(10)


def _number(reader: int) -> int:
    """The display number, which the server writes once it is ready."""
    ready, _, _ = select.select([reader], [], [], STARTS_WITHIN)
    text = os.read(reader, 32) if ready else b""
    if not text.strip():
        pytest.fail("Xvfb did not start")
    return int(text)
