"""`scene-narrator models` as its user meets it: in processes of its own."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time

import pytest
from fakes.hub import gguf, sha256
from fakes.tiny_gguf import write_model
from fakes.waiting import eventually

TEXT, PROJECTOR = gguf(960_000), gguf(300_000, b"projector", "clip")
NAME = "nobody/model"


class Place:
    """A home with nothing in it."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        tokens = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "SCENE_NARRATOR_HUB_TOKEN", "HF_ENDPOINT")
        self.environment = {name: value for name, value in os.environ.items() if name not in tokens} | {
            "HOME": str(folder),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "SCENE_NARRATOR_CONFIG": str(folder / "config"),
            "SCENE_NARRATOR_DATA": str(self.data),
            "SCENE_NARRATOR_LOG": str(folder / "log"),
        }

    def command(self, *words):
        return [sys.executable, "-m", "narrator", *words]

    def run(self, *words, typed="", **more):
        """What is printed, and how it ends; the words of a failure follow those of success."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            input=typed.encode(),
            capture_output=True,
            check=False,
            timeout=60,
            **more,
        )
        output = (done.stdout + done.stderr).decode()
        assert "Traceback" not in output
        return done.returncode, output

    def models(self, *words, **more):
        return self.run("models", *words, **more)

    def parts(self):
        return sum(path.stat().st_size for path in self.data.rglob("*.part"))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def stocked(hub):
    hub.add(NAME, {"model-Q4_K_M.gguf": TEXT, "mmproj-model-Q8_0.gguf": PROJECTOR})
    return hub


def test_a_model_is_fetched_from_a_hub_of_the_users_choice(place, stocked):
    code, told = place.models("get", NAME, "--hub", stocked.url)
    assert code == 0, told
    assert f"nobody/model comes from {stocked.url}/nobody/model. Read its licence there." in told
    assert "nobody/model is here. Every sha256 was what the hub said; this program knew none before" in told
    assert "--backend gguf --set gguf.model=nobody/model" in told
    shares = [int(line.split("%")[0].rpartition(", ")[2]) for line in told.splitlines() if "%" in line]
    assert shares[-1] == 100
    assert len(shares) <= 6
    assert shares == sorted(shares)
    code, told = place.models("get", NAME, "--hub", stocked.url)
    assert (code, "is here already" in told) == (0, True)


def test_the_environment_may_name_the_hub(place, stocked):
    place.environment["HF_ENDPOINT"] = stocked.url
    assert place.models("get", NAME)[0] == 0
    assert place.models("verify")[1].count(" is whole.") == 2


def test_a_download_that_is_cut_three_times_is_resumed_and_verified(place, stocked):
    stocked.behaviour.cuts = [300_000, 300_000, 200_000]
    code, told = place.models("get", NAME, f"--hub={stocked.url}")
    assert code == 0, told
    assert "The line broke; waiting to go on with nobody/model: 300 kB of" in told
    code, told = place.models("verify", NAME)
    assert (code, told.count(" is whole.")) == (0, 2)


def test_ctrl_c_keeps_what_came_and_says_so(place, stocked):
    stocked.behaviour.pause = 0.1
    process = subprocess.Popen(
        place.command("models", "get", NAME, "--hub", stocked.url), env=place.environment, stdout=subprocess.PIPE
    )
    assert eventually(lambda: place.parts() > 100_000)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    told = process.communicate(timeout=20)[0].decode()
    assert time.monotonic() - begun < 2
    assert process.returncode == 1
    assert "kB of 1 MB are kept. The same command goes on from there." in told
    kept = place.parts()
    assert kept > 100_000
    stocked.behaviour.pause = 0.0
    before = len(stocked.bodies)
    assert place.models("get", NAME, "--hub", stocked.url)[0] == 0
    assert stocked.bodies[before].range == f"bytes={kept}-"


def test_a_kill_keeps_what_came_too(place, stocked):
    stocked.behaviour.pause = 0.1
    process = subprocess.Popen(
        place.command("models", "get", NAME, "--hub", stocked.url), env=place.environment, stdout=subprocess.DEVNULL
    )
    assert eventually(lambda: place.parts() > 100_000)
    process.kill()
    process.wait(10)
    stocked.behaviour.pause = 0.0
    before = len(stocked.bodies)
    assert place.models("get", NAME, "--hub", stocked.url)[0] == 0
    assert stocked.bodies[before].range.startswith("bytes=")


def test_on_a_terminal_one_line_is_rewritten(place, stocked):
    stocked.behaviour.pause = 0.05
    master, slave = pty.openpty()
    command = place.command("models", "get", NAME, "--hub", stocked.url)
    process = subprocess.Popen(command, env=place.environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 1000):
            shown += piece
    except OSError:  # how a terminal tells that nobody holds it any more
        pass
    os.close(master)
    assert process.wait(20) == 0
    assert shown.count(b"\rFetching nobody/model: ") >= 3
    assert b" a second, " in shown
    assert b" left" in shown
    lines = [line for line in shown.replace(b"\r\n", b"\n").split(b"\n") if b"Fetching" in line]
    assert len(lines) == 1


def test_a_wrong_hash_is_refused(place, stocked):
    stocked.behaviour.sends = {"mmproj-model-Q8_0.gguf": PROJECTOR[::-1]}
    code, told = place.models("get", NAME, "--hub", stocked.url)
    assert code == 1
    assert "mmproj-model-Q8_0.gguf is not what it should be: its sha256 is wrong. It was deleted." in told
    assert "* " not in place.models("list")[1].partition("* is here")[0]


def test_a_disk_that_becomes_full_is_told(place, stocked):
    def with_small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    code, told = place.models("get", NAME, "--hub", stocked.url, preexec_fn=with_small_files)
    assert code == 1
    assert f"The disk is full. 500 kB of 1 MB of {NAME} are kept." in told
    assert place.models("get", NAME, "--hub", stocked.url)[0] == 0


def test_offline_nothing_is_fetched_but_from_this_machine(place, stocked):
    for switch in ("--offline", "--set=network.offline=true"):
        code, told = place.models("get", "smolvlm-256m", switch)
        assert (code, told) == (
            1,
            "The network is switched off, so nothing can be fetched. Start without --offline.\n",
        )
    assert place.models("get", NAME, "--offline", "--hub", stocked.url)[0] == 0


def test_a_gated_model_comes_with_the_token_of_its_hub(place, stocked):
    stocked.repositories[NAME].is_gated = True
    code, told = place.models("get", NAME, "--hub", stocked.url)
    assert code == 1
    assert "is given only to those who accept its terms. Sign in and accept them at" in told
    assert place.run("key", "set", "hub", typed="hf_nobodys")[0] == 0
    place.environment["HF_ENDPOINT"] = stocked.url
    code, told = place.models("get", NAME)
    assert (code, "yours was made for another hub: it was not sent" in told) == (1, True)
    place.environment["SCENE_NARRATOR_HUB_TOKEN"] = "hf_nobodys"
    assert place.run("key", "test", "hub") == (0, "127.0.0.1 knows your token.\n")
    code, told = place.models("get", NAME)
    assert code == 0, told
    assert "hf_nobodys" not in told
    code, told = place.run("key", "delete", "hub")
    assert (code, told.endswith("is deleted.\n")) == (0, True)


def test_own_files_are_taken_in_checked_and_removed(place):
    tiny = write_model(place.folder / "mine")
    code, told = place.models("import", str(tiny.text))
    assert code == 0, told
    assert "tiny is here as tiny, " in told
    assert "* tiny, of your own, for gguf" in place.models("list")[1]
    code, told = place.models("verify")
    assert (code, "tiny: tiny.gguf is whole (nobody vouched for it when it came)." in told) == (0, True)
    kept = place.data / "models" / "tiny" / "tiny.gguf"
    content = kept.read_bytes()
    kept.unlink()
    kept.write_bytes(content[:-1] + b"?")
    code, told = place.models("verify", "tiny")
    assert code == 1
    assert "tiny: tiny.gguf is changed." in told
    assert "Not every file is what it was." in told
    code, told = place.models("remove", "tiny")
    assert (code, told.startswith("tiny is removed; ")) == (0, True)
    assert told.endswith("are free again. Your own files stay.\n")
    assert sha256(tiny.text.read_bytes()) == sha256(content)
    assert place.models("remove", "tiny")[0] == 1


def test_a_half_fetched_model_is_told_and_can_be_removed(place, stocked):
    stocked.behaviour.refusals = [(404, {})]
    place.models("get", NAME, "--hub", stocked.url)
    assert "nobody/model is not whole yet" in place.models()[1]
    assert place.models("remove", NAME)[0] == 0
    assert "not whole" not in place.models()[1]


def test_what_is_damaged_is_told_without_naming_it(place):
    for name in ("one", "two"):
        assert (
            place.models(
                "import", str(write_model(place.folder / name).text.rename(place.folder / name / f"{name}.gguf"))
            )[0]
            == 0
        )
    (place.data / "models" / "one" / "one.gguf").unlink()
    assert "one is damaged: " in place.models("list")[1]
    code, told = place.models("verify")
    assert code == 1
    assert "one: one.gguf is missing." in told
    assert "two: two.gguf is whole" in told
    assert "one is damaged.\n" in told
    assert "two is damaged" not in told


def test_what_a_crash_left_is_told_and_can_be_removed(place):
    folder = place.data / "models" / "crashed"
    folder.mkdir(parents=True)
    (folder / "x.gguf").write_bytes(TEXT)
    assert "crashed is left over from what did not end: scene-narrator models remove crashed" in place.models()[1]
    assert place.models("remove", "crashed") == (0, "crashed is removed; 960 kB are free again.\n")


def test_ctrl_c_stops_a_check_and_says_so(place):
    tiny = write_model(place.folder / "mine")
    assert place.models("import", str(tiny.text))[0] == 0
    record = place.data / "models" / "tiny" / ".record.json"
    table = json.loads(record.read_text())
    table["files"][0]["size"] = 40_000_000_000
    os.truncate(place.data / "models" / "tiny" / table["files"][0]["name"], 40_000_000_000)
    record.write_text(json.dumps(table))
    process = subprocess.Popen(place.command("models", "verify"), env=place.environment, stdout=subprocess.PIPE)
    assert b"Checking tiny" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    told = process.communicate(timeout=20)[0].decode()
    assert time.monotonic() - begun < 5
    assert (process.returncode, told) == (1, "Stopped. Not everything was checked.\n")


def test_the_log_that_is_named_holds_what_happened(place):
    assert place.models("import", "/nowhere/x.gguf")[0] == 1
    assert "no_path" in (place.folder / "log" / "scene-narrator.log").read_text()


def test_a_bug_is_told_without_a_traceback_and_lies_in_the_log(place):
    command = ["sh", "-c", 'exec "$0" "$@" >&-', *place.command("models", "where")]
    done = subprocess.run(command, env=place.environment, stderr=subprocess.PIPE, check=False)  # with no output at all
    log = place.folder / "log" / "scene-narrator.log"
    assert done.returncode == 1
    assert f"Scene Narrator failed. Report it with the log: {log}" in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert "Traceback" in log.read_text()


def test_a_name_of_odd_bytes_ends_in_a_sentence(place):
    for task in ("get", "remove", "verify", "import"):
        code, told = place.models(task, b"odd\xff/name")
        assert code == 1
        assert "failed" not in told


def test_the_list_and_the_advice_need_no_network(place):
    code, told = place.models("list", "--offline")
    assert code == 0
    assert "smolvlm-500m" in told
    assert "to be accepted first" in told
    code, told = place.models("recommend", "--offline")
    assert code == 0
    assert told.startswith("This machine: ")
    assert "Recommended: " in told or "No model fits." in told


def test_where_models_lie(place):
    assert place.models("where") == (0, f"{place.data / 'models'}\n")


WRONG = [
    (("fetch",), "Choose one of: list, recommend, get, import, verify, remove, where."),
    (("get",), "For example: scene-narrator models get NAME"),
    (("get", "a", "b"), "models get was given too many words."),
    (("get", "x", "--hub="), "--hub needs an address."),
    (("list", "--hub", "https://x.example.org"), "models list uses no hub."),
    (("where", "x"), "models where was given too many words."),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_wrong_usage_is_told(place, words, told):
    code, output = place.models(*words)
    assert code == 2
    assert told in output


NOT_THERE = [
    (("get", "gemma3"), "There is no model called gemma3. Did you mean gemma-3-4b?"),
    (("remove", "tiny"), "There is no model called tiny on this computer."),
    (("remove", "../config"), "There is no model called ../config on this computer."),
    (("verify", "tiny"), "There is no model called tiny on this computer."),
    (("import", "/nowhere/x.gguf"), "There is no file /nowhere/x.gguf."),
    (("get", "a/b", "--hub", "http://hub.example.org"), "Nothing is fetched from hub.example.org without encryption"),
]


@pytest.mark.parametrize(("words", "told"), NOT_THERE)
def test_what_is_not_there_is_told(place, words, told):
    code, output = place.models(*words)
    assert code == 1
    assert told in output
