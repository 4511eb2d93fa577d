"""start.py: in copies of its own, beside programs that stand in for the set-up app; never with apt or a network."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APP = '#!/bin/sh\necho "scene-narrator $*"\nexit 7\n'
LISTING = (
    "ii \tlibgl1\t\n"
    "ii \tlibglib2.0-0t64\tlibglib2.0-0 (= 2.84.3-1), other\n"
    "rc \tespeak-ng\t\n"
    "un \txvfb\t\n"
    "ii \tpython3.11-minimal\tpython3.11-thing\n"
)


@pytest.fixture
def checkout(tmp_path):
    """A folder with start.py and what it reads."""
    for name in ("start.py", "pyproject.toml", "constraints.txt", "packaging/system-packages.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


@pytest.fixture
def start(checkout):
    """The module of the copy."""
    spec = importlib.util.spec_from_file_location("start_under_test", checkout / "start.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def set_up(start):
    """The module of a copy whose `.venv` looks complete, with an app that tells its arguments and fails with 7."""
    start.program("python").parent.mkdir(parents=True)
    start.program("python").symlink_to(sys.executable)
    start.program("scene-narrator").write_text(APP, encoding="utf-8")
    start.program("scene-narrator").chmod(0o755)
    start.write_stamp("run")
    return start


def run(checkout, *arguments, **environment):
    """Run the copy with no other program within reach: exit code, output."""
    done = subprocess.run(
        [sys.executable, checkout / "start.py", *arguments],
        cwd="/",
        env={"PATH": str(checkout), "HOME": str(checkout)} | environment,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


class TestSecondStart:
    def test_goes_straight_to_the_app_with_its_arguments_and_exit_code(self, set_up, checkout):
        code, output = run(checkout, "--source", "camera:0", "--set", "a=b c")
        assert (code, output) == (7, "scene-narrator --source camera:0 --set a=b c\n")

    def test_without_arguments_shows_the_demo(self, set_up, checkout):
        assert run(checkout) == (7, "scene-narrator demo\n")

    def test_test_is_a_word_of_start_py_only_when_it_comes_first(self, set_up, checkout):
        assert run(checkout, "--source", "test") == (7, "scene-narrator --source test\n")


class TestStamp:
    def test_counts_for_its_own_profile_and_less(self, set_up):
        assert set_up.is_current("run")
        assert not set_up.is_current("test")
        set_up.write_stamp("test")
        assert set_up.is_current("run")
        assert set_up.is_current("test")

    @pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "packaging/system-packages.toml"])
    def test_does_not_outlive_a_change(self, set_up, checkout, name):
        with (checkout / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        assert not set_up.is_current("run")

    def test_does_not_outlive_a_move(self, set_up, checkout, tmp_path_factory):
        moved = checkout.rename(tmp_path_factory.mktemp("elsewhere") / "checkout")
        code, output = run(moved, PIP_NO_INDEX="1")
        assert code == 1
        assert "Setting up Scene Narrator" in output

    @pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"digest": 1}', "\0"])
    def test_that_is_damaged_does_not_count(self, set_up, text):
        set_up.STAMP.write_text(text, encoding="utf-8")
        assert not set_up.is_current("run")

    @pytest.mark.parametrize("name", ["python", "scene-narrator"])
    def test_does_not_count_without_the_programs(self, set_up, name):
        set_up.program(name).unlink()
        assert not set_up.is_current("run")


class TestSetUp:
    def test_that_fails_tells_why_and_is_begun_afresh(self, checkout, start):
        (checkout / ".venv").mkdir()
        (checkout / ".venv" / "left over").write_text("of a set-up that was broken off", encoding="utf-8")
        code, output = run(checkout, PIP_NO_INDEX="1", PIP_FIND_LINKS="")
        assert code == 1
        assert "hatchling" in output
        assert "Check the internet connection and that 2 gigabytes of the disk are free, for the tests 4." in output
        assert not (checkout / ".venv" / "left over").exists()
        assert start.UNFINISHED.exists()
        assert not start.is_current("run")

    def test_a_folder_that_cannot_be_made_is_told(self, checkout):
        (checkout / ".venv").write_text("in the way", encoding="utf-8")
        code, output = run(checkout)
        assert code == 1
        assert "could not be made" in output


class TestSystemPackages:
    def test_the_table_is_read_by_profile(self, start):
        table = '[[run]]\nfor = "a"\npackages = ["x", "y"]\n[[test]]\nfor = "b"\npackages = ["z"]\n'
        run_groups = [start.Group("a", ("x", "y"))]
        assert start.wanted_packages("run", table) == run_groups
        assert start.wanted_packages("test", table) == [*run_groups, start.Group("b", ("z",))]

    def test_installed_are_the_real_and_the_provided_ones(self, start):
        installed = start.installed_packages(LISTING)
        assert installed == {
            "libgl1",
            "libglib2.0-0t64",
            "libglib2.0-0",
            "other",
            "python3.11-minimal",
            "python3.11-thing",
        }

    def test_only_what_is_missing_is_left(self, start):
        groups = [start.Group("pictures", ("libgl1", "libglib2.0-0")), start.Group("voice", ("libgl1", "espeak-ng"))]
        assert start.missing(groups, start.installed_packages(LISTING)) == [start.Group("voice", ("espeak-ng",))]

    def test_the_advice_names_what_will_not_work_and_the_line_that_helps(self, start):
        groups = [start.Group("the window", ("libgl1",)), start.Group("the voice", ("espeak-ng", "libgl1"))]
        line = "apt-get update && apt-get install -y libgl1 espeak-ng"
        assert start.advice(groups, "").splitlines() == [
            "System packages are missing. Without them this will not work: the window, the voice.",
            "This line installs them:",
            line,
        ]
        assert start.advice(groups, "su").endswith(f"\nsu -c '{line}'")
        assert start.advice(groups, "sudo").endswith(
            "\nsudo apt-get update && sudo apt-get install -y libgl1 espeak-ng"
        )

    def test_the_names_in_the_table_are_debians(self, start):
        names = start.names_of(start.wanted_packages("test", start.SYSTEM_PACKAGES.read_text(encoding="utf-8")))
        assert len(names) > 20
        known = subprocess.run(["dpkg-query", "-W", *names], capture_output=True, text=True)
        assert known.returncode == 0, known.stderr


class TestProgress:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            (
                "  Downloading PySide6_Addons-6.11.3-cp310.whl (175.2 MB)",
                "Fetching pyside6-addons, 175 megabytes.",
            ),
            ("Downloading numpy-2.4.6-cp311-cp311.whl (16 MB)", "Fetching numpy, 16 megabytes."),
            ("Downloading mss-10.2.0-py3-none-any.whl (3.2 MB)", ""),
            ("Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)", ""),
            ("Installing collected packages: a, b, c", "Unpacking 3 packages."),
            ("Collecting numpy", ""),
            ("", ""),
        ],
    )
    def test_pip_is_retold_in_plain_words(self, start, line, told):
        assert start.retell_pip(line) == told


class TestClosingLine:
    @pytest.mark.parametrize(
        ("outcome", "code", "words"),
        [("True", 0, "1 passed in"), ("False", 1, "1 failed in"), ("", 5, "no tests ran in")],
    )
    def test_comes_last_whatever_is_printed_after_it(self, checkout, start, capfd, outcome, code, words):
        start.program("python").parent.mkdir(parents=True)
        start.program("python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        start.program("python").chmod(0o755)
        (checkout / "conftest.py").write_text(
            "import atexit\natexit.register(print, 'a late word')\n", encoding="utf-8"
        )
        body = f"def test_x():\n    assert {outcome}\n" if outcome else ""
        (checkout / "test_x.py").write_text(body, encoding="utf-8")
        assert start.run_pytest(["-p", "no:cacheprovider", "-p", "no:pytest-qt", "-c", os.devnull, "test_x.py"]) == code
        lines = capfd.readouterr().out.splitlines()
        assert "a late word" in lines
        assert words in lines[-1]
