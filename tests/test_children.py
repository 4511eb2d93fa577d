"""Child processes: spoken with, killed with all that they started, and gone with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.processes import is_alive
from fakes.waiting import eventually

from narrator import children
from narrator.children import Child, ChildGone, Standby

ENGINE = """
import os, subprocess, sys, time
from pathlib import Path
from narrator.children import Parent
parent = Parent()
print("an engine that talks too much")
while message := parent.receive():
    if message["kind"] == "echo":
        parent.send("echo", text=message["text"])
    elif message["kind"] == "start_player":
        parent.send("player", pid=subprocess.Popen(["sleep", "60"]).pid)
    elif message["kind"] == "end":
        break
    elif message["kind"] == "hang":
        time.sleep(60)
"""


@pytest.fixture
def engine(tmp_path):
    """Starts children that do as they are told; all are ended after the test."""
    script = tmp_path / "engine.py"
    script.write_text(ENGINE)
    started = []

    def start():
        started.append(Child([sys.executable, str(script)]))
        return started[-1]

    yield start
    for child in started:
        child.close()


def answer(child, kind="echo", **fields):
    child.send(kind, **fields)
    return child.receive(10)


def test_messages_go_both_ways_whatever_the_engine_prints(engine):
    child = engine()
    for text in ("a red car", "Grüße, 日本\n\0", "x" * 300_000):
        assert answer(child, text=text) == {"kind": "echo", "text": text}


def test_a_kill_ends_the_child_and_its_players_at_once(engine):
    child = engine()
    player = answer(child, "start_player")["pid"]
    child.send("hang")
    began = time.monotonic()
    child.kill()
    child.kill()
    assert time.monotonic() - began < 0.05
    assert eventually(lambda: not is_alive(player) and not is_alive(child.pid), within=1)
    with pytest.raises(ChildGone):
        child.receive(10)
    with pytest.raises(ChildGone):
        answer(child, text="too late")


def test_a_child_that_dies_takes_its_players_with_it(engine):
    child = engine()
    player = answer(child, "start_player")["pid"]
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ChildGone):
        child.receive(10)
    assert eventually(lambda: not is_alive(player), within=1)
    assert child.is_gone


def test_whoever_waits_for_a_message_wakes_when_the_child_ends(engine):
    child = engine()
    child.send("end")
    with pytest.raises(ChildGone) as gone:
        child.receive(10)
    assert child.wait(5)
    assert gone.value.code in (0, None)


def test_a_child_ends_with_its_parent_however_that_ends(engine, tmp_path):
    parent = f"""
import os, sys
from narrator.children import Child
child = Child([sys.executable, {str(tmp_path / "engine.py")!r}])
child.send("start_player")
print(child.pid, child.receive(10)["pid"], flush=True)
child.send("hang")
os.read(0, 1)
"""
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert all(is_alive(pid) for pid in pids)
        process.kill()
        assert eventually(lambda: not any(is_alive(pid) for pid in pids), within=2)


def test_a_program_that_is_not_there_is_a_child_that_is_gone(tmp_path):
    with pytest.raises(ChildGone):
        Child([str(tmp_path / "nothing")])


def test_the_standby_child_is_there_before_it_is_needed(engine):
    standby = Standby(engine)
    standby.fill()
    first = standby.take()
    assert answer(first, text="1") == {"kind": "echo", "text": "1"}
    assert standby.take().pid != first.pid
    standby.close()


def test_a_standby_child_that_died_waiting_is_replaced(engine):
    started = []
    standby = Standby(lambda: started.append(engine()) or started[-1])
    standby.fill()
    os.kill(started[0].pid, signal.SIGKILL)
    assert eventually(lambda: started[0].is_gone)
    assert answer(standby.take(), text="alive") == {"kind": "echo", "text": "alive"}
    standby.close()


def test_a_closed_standby_gives_out_nothing_and_leaves_nothing(engine):
    started = []
    standby = Standby(lambda: started.append(engine()) or started[-1])
    standby.fill()
    standby.close()
    assert not is_alive(started[0].pid)
    standby.fill()
    with pytest.raises(ChildGone):
        standby.take()
    assert len(started) == 1


def test_a_real_child_of_ours_is_ready_fast_and_light_in_memory():
    child = children.start("voice", "espeak", "auto", "samples")
    assert child.receive(20) == {"kind": "ready"}
    status = Path(f"/proc/{child.pid}/status").read_text()
    megabytes = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "500"
    child.close()
    assert megabytes < 40, "a child must not import the window, the sight or numpy"


@pytest.mark.parametrize("arguments", [[], ["voice"], ["sources", "espeak"], ["voice", "../../x"]])
def test_a_child_of_no_known_kind_is_wrong_usage(arguments):
    assert subprocess.run([sys.executable, "-m", "narrator", "--child", *arguments], check=False).returncode == 2


def test_a_child_whose_engine_cannot_be_imported_says_why():
    child = children.start("voice", "nothing")
    message = child.receive(20)
    assert message["kind"] == "crashed"
    assert "ModuleNotFoundError" in message["detail"]
    assert child.wait(5)
    child.close()


def test_a_child_that_no_longer_listens_counts_as_gone_at_once():
    """Used again before its reader has a turn, it would fail again and again."""
    deaf = Child([sys.executable, "-c", "import os, time; os.close(0); print('{}', flush=True); time.sleep(60)"])
    assert deaf.receive(10) == {}
    with pytest.raises(ChildGone):
        deaf.send("echo", text="hello")
    assert deaf.is_gone
    deaf.close()
    assert not is_alive(deaf.pid)
