"""How parts are added that do not come with the program."""

import sys


def command(extra: str) -> str:
    """The line that adds an extra to the Python that runs this program, which a bare "pip" often does not mean."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f'{python} -m pip install "scene-narrator[{extra}]"'
