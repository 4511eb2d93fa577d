"""The embedded weights are what their table, the NOTICE and the script say."""

import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from narrator.errors import DataFileDamaged
from narrator.resources import resource
from narrator.sight.weights import weights

ROOT = Path(__file__).resolve().parents[2]
TABLE = tomllib.loads(resource("weights/weights.toml").read_text(encoding="utf-8"))
ENTRIES = {entry["file"]: entry for entry in TABLE["weights"]}


@pytest.mark.parametrize("file", ENTRIES)
def test_a_file_is_what_the_table_says(file: str) -> None:
    content = weights(file).read_bytes()
    assert (len(content), sha256(content).hexdigest()) == (ENTRIES[file]["bytes"], ENTRIES[file]["sha256"])


@pytest.mark.parametrize("file", ENTRIES)
def test_the_notice_names_a_file_with_its_origin(file: str) -> None:
    entry = ENTRIES[file]
    source = TABLE["sources"][entry["source"]]
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for fact in (file, entry["sha256"], entry["copyright"], source["package"], source["version"], source["sha256"]):
        assert fact in notice


def test_every_committed_model_is_in_the_table() -> None:
    assert {path.name for path in resource("weights").glob("*.onnx")} == set(ENTRIES)


def test_an_unknown_file_is_told_as_damage() -> None:
    with pytest.raises(DataFileDamaged):
        weights("nothing.onnx")


def test_the_script_checks_the_files_with_the_standard_library_alone() -> None:
    command = [sys.executable, "-S", "-I", str(ROOT / "tools" / "build_models.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("sha256 as pinned") == len(ENTRIES)
