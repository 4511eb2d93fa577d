"""The files that hold what was spent in a day."""

import logging
from datetime import date

import pytest

from narrator.spending.daybook import Daybook

TODAY, TOMORROW = date(2026, 11, 21), date(2026, 11, 22)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "config" / "spending"


def test_what_is_written_is_read_by_the_next_and_by_others(folder):
    one, other = Daybook(folder), Daybook(folder)
    assert one.total(TODAY) == 0
    assert one.write(TODAY, 0.25)
    assert other.write(TODAY, 0.5)
    assert [one.total(TODAY), other.total(TODAY), Daybook(folder).total(TODAY)] == [0.75] * 3


def test_only_the_user_may_read_it(folder):
    Daybook(folder).write(TODAY, 0.25)
    assert (folder / "2026-11-21.txt").stat().st_mode & 0o777 == 0o600


def test_a_new_day_begins_at_nothing_and_old_days_are_forgotten(folder):
    book = Daybook(folder)
    book.write(TODAY, 0.25)
    (folder / "notes.txt").write_text("kept")
    assert book.total(TOMORROW) == 0
    book.write(TOMORROW, 0.5)
    assert book.total(TOMORROW) == 0.5
    assert sorted(path.name for path in folder.iterdir()) == ["2026-11-22.txt", "notes.txt"]


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00garbage\n", b"nan\ninf\n-5\n1e\n", b"{}\n[1]\n"])
def test_a_damaged_line_does_not_count_and_is_logged(folder, damage, caplog):
    book = Daybook(folder)
    book.write(TODAY, 0.25)
    path = folder / "2026-11-21.txt"
    path.write_bytes(damage + path.read_bytes())
    with caplog.at_level(logging.WARNING):
        assert Daybook(folder).total(TODAY) == 0.25
    assert len(caplog.records) == 1
    assert "damaged" in caplog.text


def test_a_file_of_nonsense_starts_at_nothing_and_can_be_gone_on_with(folder, caplog):
    folder.mkdir(parents=True)
    (folder / "2026-11-21.txt").write_bytes(bytes(range(256)) * 100)
    book = Daybook(folder)
    assert book.total(TODAY) == 0
    book.write(TODAY, 0.25)
    book.write(TODAY, 0.25)
    assert book.total(TODAY) == 0.5


def test_a_file_that_is_far_too_long_is_not_read(folder, caplog):
    folder.mkdir(parents=True)
    (folder / "2026-11-21.txt").write_bytes(b"1.0\n" * 2_000_000)
    assert Daybook(folder).total(TODAY) == 0
    assert "too long" in caplog.text


def test_a_full_disk_is_logged_once(folder, caplog):
    folder.mkdir(parents=True)
    (folder / "2026-11-21.txt").symlink_to("/dev/full")
    book = Daybook(folder)
    assert not book.write(TODAY, 0.25)
    assert not book.write(TODAY, 0.25)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_folder_that_cannot_be_made_is_logged_once(tmp_path, caplog):
    (tmp_path / "config").write_text("in the way")
    book = Daybook(tmp_path / "config" / "spending")
    assert book.total(TODAY) == 0
    assert not book.write(TODAY, 0.25)
    assert len(caplog.records) == 1
