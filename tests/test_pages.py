"""The written pages against the tree: no module, link, licence or version may be left behind."""

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "packaging/README.md"])
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def package_of(requirement):
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_architecture_tells_of_every_module_of_the_core():
    told = set(re.findall(r"`([\w]+)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))
    modules = {path.stem for path in (ROOT / "narrator").glob("*.py")} - {"__init__"}
    assert modules - told == set()


def test_architecture_names_every_package_of_the_core():
    told = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = [path.parent.name for path in (ROOT / "narrator").glob("*/__init__.py")]
    assert [name for name in packages if f"`narrator/{name}/`" not in told] == []


@pytest.mark.parametrize("decision", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda page: page.stem[:4])
def test_a_decision_is_numbered_like_its_file(decision):
    number = int(decision.stem[:4])
    text = decision.read_text(encoding="utf-8")
    assert text.startswith(f"# {number}. ")
    assert all(f"**{part}.**" in text for part in ("Situation", "Decision", "So"))


def test_notice_names_every_library_that_is_installed_with_the_program():
    extras = PROJECT["optional-dependencies"]
    names = {package_of(line) for line in [*PROJECT["dependencies"], *extras["screen-reader"], *extras["gemini"]]}
    told = (
        NOTICE.lower().replace("onnx runtime", "onnxruntime").replace("pyside6,", "pyside6-essentials pyside6-addons")
    )
    assert [name for name in sorted(names) if name not in told] == []


def test_notice_has_the_sha256_of_every_embedded_model_and_of_the_clip():
    files = [*ROOT.glob("resources/weights/*.onnx"), *ROOT.glob("resources/demo/*.mp4")]
    assert files
    assert [file.name for file in files if sha256(file.read_bytes()).hexdigest() not in NOTICE] == []


def test_exact_versions_exist_for_everything_that_is_asked_for():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    exact = {package_of(line) for line in lines if "==" in line}
    asked = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    assert {package_of(line) for line in asked} - exact == set()
