"""Writes constraints.txt: the exact version of every package, for every system and Python that we support.

    python tools/lock.py

It asks uv, in an environment of its own, for the newest versions that pyproject.toml allows. Look at the difference,
run `python3 start.py test`, and commit both.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
UV = "uv==0.13.8"
EXTRAS = ("screen-reader", "gemini", "local", "llama-cpp-python", "torch", "torch-quant", "test")
TESTED = ("pyside6-essentials<6.12", "pyside6-addons<6.12", "torch==2.13.0", "torchvision==0.28.0")
"""Narrower than pyproject.toml: the tests run with these on every Python."""
LEFT_OUT = ("pyobjc-framework-", "nvidia-", "cuda-", "triton")
"""Parts that their whole pins itself."""
HEADER = """\
# The exact versions that start.py and CI install. Written by tools/lock.py; do not edit.
# pyobjc and torch themselves pin their many parts, so these are not listed.
"""


def main() -> int:
    with TemporaryDirectory() as folder:
        resolved = resolve(Path(folder))
    kept = sorted(line for line in resolved.splitlines() if line and not line.startswith(LEFT_OUT))
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(kept) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(kept)} packages")
    return 0


def resolve(folder: Path) -> str:
    """The lines `name==version ; marker` of everything that the project, its extras and its build need."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    (folder / "tested.txt").write_text("\n".join(TESTED), encoding="utf-8")
    (folder / "build.in").write_text("\n".join([*build, "editables"]), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
    extras = [f"--extra={extra}" for extra in EXTRAS]
    options = ["--universal", "--python-version=3.11", "--no-header", "--no-annotate", "--quiet"]
    inputs = ["pyproject.toml", folder / "build.in", "--constraint", folder / "tested.txt"]
    command = [python, "-m", "uv", "pip", "compile", *options, *extras, *inputs]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
