"""What copies of the program that run at once, or one after another, spend together."""

import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest
from fakes.paid import NOON, Purse


def test_the_days_money_outlives_the_program(purse):
    own = purse()
    own.spend(cost=0.25)
    own.spending.close()
    again = purse()
    assert again.spending.meter().cost_today == pytest.approx(0.25)
    assert again.spending.meter().cost == 0


def test_a_days_limit_reached_before_the_start_is_told_when_a_model_would_be_asked(purse):
    own = purse()
    own.spend(cost=0.25)
    own.spending.close()
    again = purse(**{"spending.day": 0.20})
    assert again.spending.settle() == [], "nobody wants to ask a model"
    assert not again.is_free
    assert ["until tomorrow" in notice.text for notice in again.spending.settle()] == [True]
    assert again.spending.settle() == []


def test_two_copies_add_up_while_they_run(purse):
    one, other = purse(), purse()
    one.spend(cost=0.10)
    other.spend(cost=0.20)
    for own in (one, other, one):
        own.pass_time(6)
        own.spending.settle()
    assert one.spending.meter().cost_today == pytest.approx(0.30)
    assert other.spending.meter().cost_today == pytest.approx(0.30)
    assert one.spending.meter().cost == pytest.approx(0.10)


def test_what_was_spent_is_written_every_few_seconds_at_most(purse, tmp_path):
    own = purse()
    for _ in range(100):
        own.spend(cost=0.001)
        own.pass_time(0.1)
        own.spending.settle()
    (file,) = (tmp_path / "spending").iterdir()
    assert len(list(filter(None, file.read_text().splitlines()))) <= 2
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_deleted_file_does_not_hide_what_this_copy_spent(purse, tmp_path):
    own = purse()
    own.spend(cost=0.25)
    own.pass_time(6)
    own.spending.settle()
    (file,) = (tmp_path / "spending").iterdir()
    file.unlink()
    own.pass_time(6)
    own.spending.settle()
    assert own.spending.meter().cost_today == pytest.approx(0.25)


def test_without_a_folder_to_write_to_counting_goes_on(tmp_path):
    (tmp_path / "spending").write_text("in the way")
    own = Purse(tmp_path / "spending", NOON, **{"spending.day": 0.0010})
    own.spend(cost=0.001)
    own.spending.close()
    assert not own.is_free
    assert own.spending.meter().cost_today == pytest.approx(0.001)


def test_many_threads_lose_nothing(purse):
    own = purse(**{"spending.hour": 0.0, "spending.day": 0.0})

    def work():
        for _ in range(200):
            own.spend(cost=0.001)
            own.spending.settle()
            own.spending.free_at(own.now)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own.spending.close()
    assert own.spending.meter().cost == pytest.approx(0.8)
    assert own.spending.meter().cost_today == pytest.approx(0.8)


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    script = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from narrator.spending.daybook import Daybook\n"
        "book = Daybook(Path(sys.argv[1]))\n"
        "assert all(book.write(date(2026, 11, 21), 1.0, 0.001) for _ in range(500))"
    )
    children = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "spending")]) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    own = Purse(tmp_path / "spending", NOON)
    assert own.spending.meter().cost_today == pytest.approx(1.5)


def test_the_hours_limit_holds_over_restarts(purse):
    spent, wall = 0.0, NOON
    for _ in range(5):
        own = purse(wall, **{"spending.hour": 0.02})
        while own.is_free and own.now < own.start + 120:
            own.spend(cost=0.0009)
            spent += 0.0009
            own.pass_time(10)
            own.spending.settle()
        own.spending.close()
        wall += own.now - own.start
    assert 0.018 < spent <= 0.0209
    late = purse(wall + 3600, **{"spending.hour": 0.02})
    assert late.is_free


def test_two_copies_share_the_hours_limit(purse):
    copies, spent = [purse(**{"spending.hour": 0.02}) for _ in range(2)], 0.0
    for _ in range(60):
        for own in copies:
            if own.is_free:
                own.spend(cost=0.0009)
                spent += 0.0009
            own.pass_time(6)
            own.spending.settle()
    assert 0.018 < spent <= 0.0209
    assert not any(own.is_free for own in copies)
    for own in copies:
        own.pass_time(3600)
    assert all(own.is_free for own in copies), "when what the other spent is an hour old, too"


def test_the_hour_does_not_end_at_midnight(purse):
    late = datetime(2026, 11, 21, 23, 58).timestamp()
    own = purse(late, **{"spending.hour": 0.02})
    own.spend(cost=0.015)
    own.spending.close()
    own.pass_time(119)
    own.spend(cost=0.004)
    own.pass_time(60)
    own.spending.settle()
    again = purse(late + 179, **{"spending.hour": 0.02, "spending.day": 0.5})
    assert not again.spend(cost=0.0005)[1:], "19 of 20 are spent: that little is left is told"
    assert again.spending.meter().cost_today == pytest.approx(0.0005), "yesterday's was written to yesterday"
    again.spend(cost=0.0005)
    assert again.spending.free_at(again.now) - again.now == pytest.approx(3600 - 179, abs=1)


def test_the_own_money_counts_once(purse):
    own = purse(**{"spending.hour": 0.02})
    for _ in range(10):
        own.spend(cost=0.0015)
        own.pass_time(6)
        own.spending.settle()
    assert own.is_free
    assert own.spending.meter().cost_today == pytest.approx(0.015)


def test_damaged_lines_and_those_of_a_clock_that_was_wrong_do_not_count_for_the_hour(purse, tmp_path, caplog):
    (tmp_path / "spending").mkdir()
    lines = f"{NOON - 10:.3f} 0.005 other\n{NOON + 7200:.3f} 5.0 other\n{NOON - 4000:.3f} 5.0 other\nx\n0.5\n1 2 3 4\n"
    (tmp_path / "spending" / "2026-11-21.txt").write_text(lines + f"nan 1 other\n{NOON} -1 other\n")
    own = purse(**{"spending.hour": 0.02, "spending.day": 0.0})
    assert own.is_free
    assert own.spending.meter().cost_today == pytest.approx(10.005)
    own.spend(cost=0.014)
    assert not own.is_free


def test_deciding_what_is_asked_never_touches_the_disk(purse, tmp_path):
    own, other = purse(**{"spending.hour": 0.02}), purse()
    other.spend(cost=1.0)
    other.spending.close()
    for path in [*(tmp_path / "spending").iterdir(), tmp_path / "spending"]:
        path.rename(path.with_name(f"{path.name}.gone"))
    own.pass_time(3)
    assert own.spending.free_at(own.now) == own.now
    assert own.spending.gap() == 0
    assert not (tmp_path / "spending").exists()


def test_reading_a_full_day_again_and_again_takes_little_time(purse, tmp_path):
    (tmp_path / "spending").mkdir()
    lines = "".join(f"{NOON - 5 * step:.3f} 0.000010 other\n" for step in range(8000, 0, -1))
    (tmp_path / "spending" / "2026-11-21.txt").write_text(lines)
    own = purse()
    began = time.thread_time()
    for _ in range(50):
        own.pass_time(6)
        own.spending.settle()
    assert (time.thread_time() - began) / 50 < 0.02
    assert own.spending.meter().cost_today == pytest.approx(0.08)
