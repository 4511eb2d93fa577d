"""The files that hold what was spent in a day."""

import logging
from datetime import date

import pytest

from narrator.spending.daybook import Daybook

TODAY, TOMORROW, LATER = date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)
AT = 1_800_000_000.5


def total(book, day=TODAY):
    return sum(spent.dollars for spent in book.others(day))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "config" / "spending"


def test_what_is_written_is_read_by_the_next_and_by_others_with_its_time(folder):
    one, other = Daybook(folder), Daybook(folder)
    assert one.others(TODAY) == []
    assert one.write(TODAY, AT, 0.25)
    assert other.write(TODAY, AT + 5, 0.5)
    assert one.others(TODAY) == [(AT + 5, 0.5)]
    assert other.others(TODAY) == [(AT, 0.25)]
    assert Daybook(folder).others(TODAY) == [(AT, 0.25), (AT + 5, 0.5)]


def test_only_the_user_may_read_it(folder):
    Daybook(folder).write(TODAY, AT, 0.25)
    assert (folder / "2026-11-21.txt").stat().st_mode & 0o777 == 0o600


def test_a_new_day_begins_at_nothing_and_the_days_before_yesterday_are_forgotten(folder):
    book = Daybook(folder)
    book.write(TODAY, AT, 0.25)
    (folder / "notes.txt").write_text("kept")
    assert total(Daybook(folder), TOMORROW) == 0
    book.write(TOMORROW, AT, 0.5)
    assert total(Daybook(folder), TOMORROW) == 0.5
    assert total(Daybook(folder), TODAY) == 0.25, "its last hour still counts"
    book.write(LATER, AT, 1.0)
    assert sorted(path.name for path in folder.iterdir()) == ["2026-11-22.txt", "2026-11-23.txt", "notes.txt"]


def test_what_is_left_of_yesterday_deletes_nothing_of_today(folder):
    Daybook(folder).write(TOMORROW, AT, 0.5)
    Daybook(folder).write(TODAY, AT, 0.25)
    assert [total(Daybook(folder), day) for day in (TODAY, TOMORROW)] == [0.25, 0.5]


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00garbage\n", b"1 nan x\ninf 1 x\n1 -5 x\n1e\n", b"{}\n[1]\n0.25\n"])
def test_a_damaged_line_does_not_count_and_is_logged(folder, damage, caplog):
    book = Daybook(folder)
    book.write(TODAY, AT, 0.25)
    path = folder / "2026-11-21.txt"
    path.write_bytes(damage + path.read_bytes())
    with caplog.at_level(logging.WARNING):
        assert total(Daybook(folder)) == 0.25
    assert len(caplog.records) == 1
    assert "damaged" in caplog.text


def test_a_file_of_nonsense_starts_at_nothing_and_can_be_gone_on_with(folder, caplog):
    folder.mkdir(parents=True)
    (folder / "2026-11-21.txt").write_bytes(bytes(range(256)) * 100)
    book = Daybook(folder)
    assert total(book) == 0
    book.write(TODAY, AT, 0.25)
    book.write(TODAY, AT, 0.25)
    assert total(Daybook(folder)) == 0.5


def test_a_file_that_is_far_too_long_is_not_read(folder, caplog):
    folder.mkdir(parents=True)
    (folder / "2026-11-21.txt").write_bytes(b"1.0 1.0 x\n" * 500_000)
    assert total(Daybook(folder)) == 0
    assert "too long" in caplog.text


def test_a_full_disk_is_logged_once(folder, caplog):
    folder.mkdir(parents=True)
    (folder / "2026-11-21.txt").symlink_to("/dev/full")
    book = Daybook(folder)
    assert not book.write(TODAY, AT, 0.25)
    assert not book.write(TODAY, AT, 0.25)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_folder_that_cannot_be_made_is_logged_once(tmp_path, caplog):
    (tmp_path / "config").write_text("in the way")
    book = Daybook(tmp_path / "config" / "spending")
    assert total(book) == 0
    assert not book.write(TODAY, AT, 0.25)
    assert len(caplog.records) == 1
