"""The log of what left this machine, as files, as entries and as a command."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from fakes.paid import run_of
from fakes.waiting import eventually

from narrator.commands import sent as command
from narrator.errors import NarratorError, UsageError
from narrator.messages import EncodedPicture, Prompt, PromptPicture, PromptVideo, Turn, Usage
from narrator.privacy.sent import SentLog, rows, sent_folder, total

SECRET = "the words of the prompt"


def picture(width=768, height=432, size=1000, **more):
    return PromptPicture(EncodedPicture(width, height, os.urandom(size)), **{"age": 0.04, "detail": "low", **more})


def prompt(*parts, **more):
    return Prompt("System.", parts or (SECRET, picture(ages=(8.0, 4.0)), picture()), 100, run_of().scene, **more)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "log" / "sent"


@pytest.fixture
def log(folder):
    """Makes logs, which are closed at the end."""
    made = []

    def make(**more):
        made.append(SentLog(folder, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def record(log, run=None, *, asked=None, tokens=2013):
    run = run or run_of()
    log.record(run, asked or prompt(), "api.example.org", tokens)
    return run


def test_every_request_tells_exactly_what_was_sent_and_what_it_took(log):
    own = log(wall=lambda: 1_700_000_000.5)
    run = record(own)
    own.record_usage(Usage(run, 2040, 41, 1000, 0.0007))
    own.close()
    (entry,) = own.entries()
    assert (entry.at, entry.backend, entry.host) == (1_700_000_000.5, "gemini", "api.example.org")
    assert entry.letters == len("System." + SECRET)
    assert [(p.width, p.height, p.bytes, p.detail, p.age, p.ages, p.file) for p in entry.pictures] == [
        (768, 432, 1000, "low", 0.04, (8.0, 4.0), ""),
        (768, 432, 1000, "low", 0.04, (), ""),
    ]
    assert (entry.tokens_estimated, entry.tokens_in, entry.tokens_out, entry.cached) == (2013, 2040, 41, 1000)
    assert (entry.cost, entry.estimated) == (0.0007, False)


def test_it_is_on_disk_before_the_answer_has_come(log, folder):
    own = log()
    record(own)
    assert eventually(lambda: len(own.entries()) == 1)
    assert own.entries()[0].tokens == 2013, "estimated"
    assert [path.name for path in folder.iterdir()] == ["requests.jsonl"]


def test_no_word_and_no_picture_is_kept_unless_asked_for(log, folder):
    own = log()
    record(own)
    own.close()
    assert SECRET not in (folder / "requests.jsonl").read_text()
    assert not (folder / "pictures").exists()


def test_pictures_are_kept_when_asked_for(log, folder):
    wanted = [True]
    own = log(keep_pictures=lambda: wanted[0])
    asked = prompt()
    record(own, asked=asked)
    wanted[0] = False
    record(own)
    own.close()
    later, first = own.entries()
    assert [p.file for p in later.pictures] == ["", ""]
    assert [(folder / "pictures" / p.file).read_bytes() for p in first.pictures] == [
        part.picture.jpeg for part in asked.pictures
    ]


def test_only_the_user_may_read_it(log, folder):
    own = log(keep_pictures=lambda: True)
    record(own)
    own.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "pictures").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_pictures_of_earlier_turns_and_videos_are_told_too(log):
    own = log()
    clip = PromptVideo("/home/me/private.mp4", "video/mp4")
    record(own, asked=prompt("And now?", clip, turns=(Turn("user", ("What?", picture(100, 50))),)))
    own.close()
    (entry,) = own.entries()
    assert [(p.width, p.height) for p in entry.pictures] == [(100, 50)]
    assert entry.videos == ("video/mp4",)
    assert entry.letters == len("System.And now?What?")


def test_usage_of_a_describer_that_sends_nothing_leaves_no_trace(log, folder):
    own = log()
    own.record_usage(Usage(run_of(), 10, 10))
    own.close()
    assert not folder.exists()


def test_the_newest_come_first_and_no_more_than_wanted(log):
    own = log(wall=iter(range(1, 100)).__next__)
    runs = [record(own) for _ in range(5)]
    own.close()
    assert len(runs) == 5
    assert [entry.at for entry in own.entries(3)] == [6, 5, 4]


def test_the_log_is_bounded(log, folder):
    own = log(log_bytes=10_000)
    for _ in range(200):
        record(own)
    own.close()
    assert sorted(path.name for path in folder.iterdir()) == ["requests.jsonl", "requests.old.jsonl"]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 22_000
    assert 10 < len(own.entries()) < 100


def test_the_pictures_are_bounded_and_the_newest_stay(log, folder):
    own = log(keep_pictures=lambda: True, picture_bytes=20_000)
    for _ in range(50):
        record(own)
    own.close()
    kept = list((folder / "pictures").iterdir())
    assert 16_000 <= sum(path.stat().st_size for path in kept) <= 20_000
    assert {entry.file for entry in own.entries()[0].pictures} <= {path.name for path in kept}


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe\n", b"{}\n[]\nnull\n5\n", b'{"id": "x", "pictures": 7}\n', b'{"id": "x"']
)
def test_damaged_lines_are_passed_over(log, folder, damage):
    own = log()
    record(own)
    assert eventually(lambda: own.entries())
    path = folder / "requests.jsonl"
    path.write_bytes(damage + b"\n" + path.read_bytes() + damage)
    record(own)
    own.close()
    assert len(own.entries()) >= 1


def test_a_full_disk_is_told_once_and_nothing_is_raised(log, folder):
    folder.mkdir(parents=True)
    (folder / "requests.jsonl").symlink_to("/dev/full")
    own = log()
    record(own)
    record(own)
    told = []
    assert eventually(lambda: told.extend(own.notices()) or told)
    assert told[0].text == "What is sent cannot be written down."
    assert str(folder) in told[0].remedy
    own.close()
    assert own.notices() == []


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path):
    (tmp_path / "log").write_text("in the way")
    own = SentLog(tmp_path / "log" / "sent")
    record(own)
    own.close()
    assert len(own.notices()) == 1


def test_erasing_leaves_nothing_and_what_comes_then_is_kept(log, folder):
    own = log(keep_pictures=lambda: True)
    record(own)
    assert eventually(lambda: own.entries())
    own.erase()
    assert own.entries() == []
    assert list(folder.rglob("*.jpg")) == []
    record(own)
    own.close()
    assert len(own.entries()) == 1
    assert len(list(folder.rglob("*.jpg"))) == 2


@pytest.mark.parametrize("by_another", [False, True])
def test_nothing_that_was_erased_comes_back_from_what_waits_to_be_written(log, folder, by_another):
    own = log(keep_pictures=lambda: True)
    eraser = log() if by_another else own
    for _ in range(10):
        runs = [record(own) for _ in range(200)]
        eraser.erase()
        for run in runs:
            own.record_usage(Usage(run, 2000, 40))
        last = record(own)
        own.record_usage(Usage(last, 2000, 41))
        assert eventually(lambda: [entry.tokens_out for entry in own.entries()] == [41])
        assert len((folder / "requests.jsonl").read_text().splitlines()) == 2
        assert len(list(folder.rglob("*.jpg"))) == 2
        eraser.erase()


def test_erasing_while_others_record_leaves_whole_entries(log):
    own, is_over = log(keep_pictures=lambda: True), threading.Event()

    def erase():
        while not is_over.wait(0.001):
            own.erase()

    eraser = threading.Thread(target=erase)
    eraser.start()
    for _ in range(5):
        for run in [record(own) for _ in range(200)]:
            own.record_usage(Usage(run, 2000, 40))
    is_over.set()
    eraser.join()
    own.erase()
    record(own)
    own.close()
    assert len(own.entries()) == 1
    assert own.notices() == []


def test_runs_that_never_end_are_not_remembered_for_ever(log):
    own = log()
    first = record(own)
    for _ in range(1000):
        record(own)
    last = record(own)
    assert eventually(lambda: len(own.entries()) > 1)
    own.record_usage(Usage(first, 2000, 41))
    own.record_usage(Usage(last, 2000, 42))
    own.close()
    assert {entry.tokens_out for entry in own.entries()} == {0, 42}


def test_what_cannot_be_erased_is_told_with_its_folder(folder):
    (folder / "requests.jsonl").mkdir(parents=True)
    with pytest.raises(NarratorError) as failure:
        SentLog(folder).erase()
    assert str(folder) in failure.value.remedy


def test_recording_takes_little_time(log):
    own = log(keep_pictures=lambda: True)
    asked, runs = prompt(*[picture(size=50_000) for _ in range(8)]), [run_of() for _ in range(50)]
    began = time.thread_time()
    for run in runs:
        record(own, run, asked=asked)
        own.record_usage(Usage(run, 2000, 40))
    assert (time.thread_time() - began) / len(runs) < 0.002


def test_copies_that_write_at_once_mix_nothing(folder):
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
        "import test_sent; from narrator.privacy.sent import SentLog\n"
        "own = SentLog(Path(sys.argv[1]))\n"
        "runs = [test_sent.record(own) for _ in range(100)]\n"
        "own.close()"
    )
    children = [subprocess.Popen([sys.executable, "-c", script, str(folder)]) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert len([json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]) == 200
    assert len(SentLog(folder).entries()) == 200


def test_the_table_names_time_host_sizes_tokens_and_cost(log):
    own = log(wall=lambda: time.mktime((2026, 11, 21, 12, 30, 5, 0, 0, -1)))
    run = record(own)
    own.record_usage(Usage(run, 2040, 41, 0, 0.0007))
    record(own)
    own.close()
    entries = own.entries()
    counted = next(entry for entry in entries if entry.cost)
    assert rows([counted]) == [
        (
            "2026-11-21 12:30:05",
            "gemini, api.example.org",
            "2",
            "1 × 768×432 of 2, 1 × 768×432",
            "2,081",
            "$0.0007",
        )
    ]
    assert rows([replace(counted, estimated=True)])[0][4] == "about 2,081"
    assert total(entries) == "2 requests with 4 pictures, 4 kB, 4,094 tokens, $0.0007."
    assert total([]) == ""


@pytest.fixture
def filled():
    """Three requests in the folder that the command looks at."""
    own = SentLog(sent_folder(), lambda: True)
    for _ in range(3):
        record(own)
    own.close()
    return own


def test_the_command_prints_what_was_sent_and_the_sum(filled, capsys):
    assert command.run(()) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Time ")
    assert printed.count("api.example.org") == 3
    assert "In all: 3 requests with 6 pictures" in printed


def test_the_command_says_when_nothing_was_sent(capsys):
    command.run(())
    assert capsys.readouterr().out == "Nothing was sent.\n"


def test_the_command_tells_where_the_record_lies(capsys):
    command.run(("where",))
    assert capsys.readouterr().out == f"{sent_folder()}\n"


def test_a_script_may_erase(filled, capsys):
    command.run(("erase", "yes"))
    assert capsys.readouterr().out == "Erased.\n"
    assert filled.entries() == []
    assert list(sent_folder().rglob("*.jpg")) == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("Yes\n", 0), ("n\n", 3), ("\n", 3), ("", 3)])
def test_on_a_terminal_erasing_asks_first(filled, capsys, monkeypatch, answer, left):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    command.run(("erase",))
    assert "[y/N]" in capsys.readouterr().out
    assert len(filled.entries()) == left


@pytest.mark.parametrize("words", [("erase",), ("burn",), ("where", "now"), ("erase", "no"), ("erase", "yes", "yes")])
def test_what_the_command_does_not_know_changes_nothing(filled, monkeypatch, words):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError) as failure:
        command.run(words)
    assert failure.value.remedy
    assert len(filled.entries()) == 3
