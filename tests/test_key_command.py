"""`scene-narrator key` in processes of its own, with key stores of every temper; no key is ever to be seen."""

import os
import pty
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.openai_service import OpenAIService

from narrator.privacy.consent import Consents

TESTS = Path(__file__).parent
KEY, OTHER = "AIza-nobodys-key", "AIza-another-one"


class Place:
    """A home with a key store of the kind that is wanted."""

    def __init__(self, folder):
        self.folder = folder
        self.ring = folder / "ring.json"
        self.file = folder / "config" / "keys.toml"
        taken = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY")
        self.environment = {name: value for name, value in os.environ.items() if name not in taken} | {
            "PYTHONPATH": str(TESTS),
            "KEY_RING": str(self.ring),
            "HOME": str(folder),
            "SCENE_NARRATOR_CONFIG": str(folder / "config"),
            "SCENE_NARRATOR_LOG": str(folder / "log"),
        }

    def use(self, kind):
        self.environment["PYTHON_KEYRING_BACKEND"] = f"fakes.key_rings.{kind}"

    def key(self, *words, typed=""):
        """What `key WORDS...` prints, and how it ends; the words of a failure follow those of success."""
        command = [sys.executable, "-m", "narrator", "key", *words]
        data = typed if isinstance(typed, bytes) else typed.encode()
        done = subprocess.run(command, env=self.environment, input=data, capture_output=True, check=False, timeout=60)
        output = (done.stdout + done.stderr).decode()
        assert KEY not in output
        assert "Traceback" not in output
        return done.returncode, output

    def agree(self, host):
        Consents(self.folder / "config" / "consents.toml").give("gemini", host)

    def everything(self):
        """All that was written, but for the places where keys belong."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path not in (self.ring, self.file)]
        return b"".join(path.read_bytes() for path in files)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_key_goes_to_the_key_store_and_nowhere_else(place):
    place.use("OnDisk")
    code, told = place.key("set", "gemini", typed=KEY + "\n")
    assert (code, "kept in the key store of this computer" in told) == (0, True)
    assert KEY in place.ring.read_text()
    assert not place.file.exists()
    assert place.key("where", "gemini") == (0, "The key for Gemini is in the key store of this computer.\n")
    assert place.key("delete", "gemini") == (0, "The key in the key store of this computer is deleted.\n")
    assert KEY not in place.ring.read_text()
    assert place.key("where", "gemini")[1].startswith("There is no key for Gemini.")
    assert KEY.encode() not in place.everything()


def test_a_key_in_the_file_moves_to_the_key_store(place):
    assert str(place.file) in place.key("set", "gemini", typed=OTHER)[1]
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o600
    place.use("OnDisk")
    place.key("set", "gemini", typed=KEY)
    assert not place.file.exists()
    assert KEY in place.ring.read_text()


def test_the_store_comes_before_the_file(place):
    place.key("set", "gemini", typed=OTHER)
    place.use("OnDisk")
    place.ring.write_text(f'{{"scene-narrator gemini": "{KEY}"}}')
    told = place.key("where", "gemini")[1]
    assert told.splitlines() == [
        "The key for Gemini is in the key store of this computer.",
        f"Another one is in the file {place.file}; it is not used.",
    ]
    assert place.key("delete", "gemini")[1].count(" in the ") == 2
    assert not place.file.exists()


@pytest.mark.parametrize("kind", ["InPlainText", "Forgetful", "Locked", "OnNoDisk"])
def test_a_store_that_is_unsafe_locked_or_missing_leaves_the_file(place, kind):
    place.use(kind)
    code, told = place.key("set", "gemini", typed=KEY)
    assert code == 0
    assert f"kept in the file {place.file}" in told
    assert not place.ring.exists()
    assert f"in the file {place.file}" in place.key("where", "gemini")[1]
    assert KEY.encode() not in place.everything()


def test_a_delete_that_a_locked_store_prevents_is_no_success(place):
    place.key("set", "gemini", typed=KEY)
    place.use("Locked")
    code, told = place.key("delete", "gemini")
    assert code == 1
    assert "a key may still be in it. Unlock the key store" in told
    assert not place.file.exists()


def test_a_silent_store_is_waited_for_two_seconds(place):
    place.use("Silent")
    begun = time.monotonic()
    code, told = place.key("where", "gemini")
    assert code == 0
    assert "The key store of this computer did not answer." in told
    assert time.monotonic() - begun < 6


def test_a_session_bus_on_which_nobody_answers_does_not_hang(place):
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(place.folder / "bus"))
        bus.listen()
        place.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={place.folder / 'bus'}"
        begun = time.monotonic()
        code, told = place.key("where", "gemini")
    assert code == 0
    assert "There is no key for Gemini." in told
    assert time.monotonic() - begun < 6


def test_without_a_session_bus_nothing_waits(place):
    begun = time.monotonic()
    code, told = place.key("where", "gemini")
    assert (code, told) == (0, "There is no key for Gemini. Set one: scene-narrator key set gemini\n")
    assert time.monotonic() - begun < 4


def test_a_key_in_the_environment_counts_first_and_stays(place):
    place.key("set", "gemini", typed=KEY)
    place.environment["GOOGLE_API_KEY"] = OTHER
    told = place.key("set", "gemini", typed=KEY)[1]
    assert "It is not used yet: another key, in the environment variable GOOGLE_API_KEY, comes first." in told
    told = place.key("delete", "gemini")[1]
    assert "There is still one in the environment variable GOOGLE_API_KEY; remove it there." in told


def test_on_a_terminal_the_key_is_not_shown(place):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "narrator", "key", "set", "gemini"]
    process = subprocess.Popen(
        command, env=place.environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown = b""
    while b"press Enter" not in shown:
        shown += os.read(master, 1000)
    os.write(master, KEY.encode() + b"\n")
    try:
        while part := os.read(master, 1000):
            shown += part
    except OSError:  # how a terminal tells that nobody holds it any more
        pass
    os.close(master)
    assert process.wait(20) == 0
    assert b"is kept" in shown
    assert KEY.encode() not in shown
    assert KEY in place.file.read_text()


class TestServer:
    """Its key is for the host that it was set for."""

    HERE = "--set=server.url=http://127.0.0.1:8000/v1"

    def test_is_asked_for_with_its_host_and_kept_with_it(self, place):
        code, told = place.key("set", "server", self.HERE, typed=KEY)
        assert code == 0
        assert "It goes to 127.0.0.1:8000 and to no other server." in told
        assert ", for 127.0.0.1:8000." in place.key("where", "server")[1]
        assert "is deleted" in place.key("delete", "server")[1]
        assert "There is no key" in place.key("where", "server")[1]

    def test_takes_the_place_of_another_servers_and_says_so(self, place):
        place.key("set", "server", self.HERE, typed=KEY)
        told = place.key("set", "server", "--set=server.url=http://127.0.0.1:9000/v1", typed=KEY)[1]
        assert "It takes the place of the key for 127.0.0.1:8000, which is gone." in told
        assert (
            "takes the place"
            not in place.key("set", "server", "--set=server.url=http://127.0.0.1:9000/v1", typed=KEY)[1]
        )

    def test_without_an_address_none_is_taken(self, place):
        code, told = place.key("set", "server", typed=KEY)
        assert code == 2
        assert "It is not known which server the key is for" in told
        assert "scene-narrator key set server --set server.url=" in told
        assert not place.file.exists()

    def test_the_store_of_the_computer_keeps_both(self, place):
        place.use("OnDisk")
        place.key("set", "server", "--set=server.preset=gemini", typed=KEY)
        told = place.key("where", "server")[1]
        assert told.endswith("in the key store of this computer, for generativelanguage.googleapis.com:443.\n")

    def test_it_goes_to_no_other_server(self, place):
        with OpenAIService() as service, OpenAIService() as other:
            place.key("set", "server", f"--set=server.url={service.url}", typed=KEY)
            assert place.key("test", "server", f"--set=server.url={service.url}")[0] == 0
            code, told = place.key("test", "server", f"--set=server.url={other.url}")
            assert (code, f"kept for 127.0.0.1:{service.port} is not sent to 127.0.0.1:{other.port}" in told) == (
                0,
                True,
            )
            assert {call.headers["authorization"] for call in service.calls} == {f"Bearer {KEY}"}
            assert not any("authorization" in call.headers for call in other.calls)

    def test_that_of_the_environment_goes_where_the_user_says(self, place):
        place.environment["SCENE_NARRATOR_SERVER_KEY"] = OTHER
        with OpenAIService() as service:
            assert place.key("test", "server", f"--set=server.url={service.url}")[0] == 0
            assert service.last.headers["authorization"] == f"Bearer {OTHER}"


WRONG = [
    ((), "", 2, "Choose one of: set, test, delete, where."),
    ((KEY,), "", 2, "Choose one of: set, test, delete, where."),
    (("set",), "", 2, "For example: scene-narrator key set gemini"),
    (("set", KEY), "", 2, "These take a key: gemini"),
    (("set", "gemini", KEY), "", 2, "it would stay in the shell's history"),
    (("where", "gemini", KEY), "", 2, "needs the name of one describer"),
    (("set", "embedded"), "", 2, "Built in needs no key."),
    (("set", "gemini"), "", 2, "it is empty"),
    (("set", "gemini"), f"{KEY}\n{KEY}\n", 2, "a space or a line break inside"),
    (("set", "gemini"), b"\xff\xfe\x00A", 2, "This is no key"),
    (("set", "gemini"), "x" * 200_000, 2, "it is longer than 500 letters"),
]


@pytest.mark.parametrize(("words", "typed", "ends", "told"), WRONG)
def test_wrong_usage_is_told_without_a_key(place, words, typed, ends, told):
    code, output = place.key(*words, typed=typed)
    assert code == ends
    assert told in output
    assert not place.file.exists()


def test_a_config_folder_that_cannot_be_written_is_told(place):
    (place.folder / "config").write_text("a file where a folder belongs")
    code, told = place.key("set", "gemini", typed=KEY)
    assert code == 1
    assert "The key could not be saved. Make the folder" in told


def test_a_key_is_tested_with_the_service(place, gemini_service):
    place.key("set", "gemini", typed=KEY)
    place.agree("127.0.0.1")
    here = f"--set=gemini.base_url={gemini_service.url}"
    code, told = place.key("test", "gemini", here)
    assert code == 0, told
    assert gemini_service.calls[-1].headers["x-goog-api-key"] == KEY
    gemini_service.set(key=OTHER)
    code, told = place.key("test", "gemini", here)
    assert code == 1
    assert "does not accept the key" in told


def test_a_key_goes_to_no_host_that_was_not_agreed_to(place, gemini_service):
    place.key("set", "gemini", typed=KEY)
    code, told = place.key("test", "gemini", f"--set=gemini.base_url={gemini_service.url}")
    assert code == 1
    assert "not agreed to that address yet. Choose Gemini as the describer and answer its page first." in told
    assert gemini_service.calls == []


def test_a_test_without_a_key_says_so(place):
    code, told = place.key("test", "gemini")
    assert code == 1
    assert "No key for Gemini" in told


def test_a_test_tells_why_a_key_that_is_there_is_not_used(place):
    place.environment["GEMINI_API_KEY"] = "two words"
    code, told = place.key("test", "gemini")
    assert code == 1
    assert "What is in the environment variable GEMINI_API_KEY is no key" in told


def test_offline_nothing_is_tested(place):
    place.key("set", "gemini", typed=KEY)
    for switch in ("--offline", "--set=network.offline=true"):
        code, told = place.key("test", "gemini", switch)
        assert (code, told) == (
            1,
            "The network is switched off, so nothing can be tested. Start without --offline.\n",
        )


def test_a_whole_run_with_a_key_shows_it_nowhere(place, gemini_service):
    place.key("set", "gemini", typed=KEY)
    arguments = ["demo", "--no-window", "--voice=silent", "--backend=gemini", "--yes", "--duration=4"]
    settings = ["log.level=debug", f"gemini.base_url={gemini_service.url}", "sight.text=false"]
    command = [sys.executable, "-m", "narrator", *arguments, *(f"--set={setting}" for setting in settings)]
    done = subprocess.run(
        [*command, "--events", str(place.folder / "events.jsonl")],
        env=place.environment,
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert gemini_service.asked[-1].headers["x-goog-api-key"] == KEY
    assert KEY.encode() not in done.stdout + done.stderr + place.everything()
    assert list((place.folder / "log").iterdir())
