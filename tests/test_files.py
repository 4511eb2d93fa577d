"""Small private files: whole or not at all."""

import stat
import threading

import pytest

from narrator.privacy.files import put_aside, write_private


def test_a_file_is_replaced_and_private(tmp_path):
    path = tmp_path / "new" / "file.toml"
    write_private(path, "first\n")
    path.chmod(0o644)
    write_private(path, "zweite Zeile: ä\n")
    assert path.read_bytes() == "zweite Zeile: ä\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.toml"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "new \ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.toml"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "folder", "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file.toml", "folder"]


def test_whoever_reads_sees_a_whole_file(tmp_path):
    path = tmp_path / "file.toml"
    texts = ["a" * 50_000, "b" * 50_000]
    write_private(path, texts[0])
    writer = threading.Thread(target=lambda: [write_private(path, texts[number % 2]) for number in range(40)])
    writer.start()
    while writer.is_alive():
        assert path.read_text() in texts
    writer.join()


def test_a_file_is_put_aside_beside_older_ones(tmp_path):
    path = tmp_path / "file.toml"
    for name in ("file.toml.bad", "file.toml.bad2"):
        path.write_text(name)
        assert put_aside(path) == tmp_path / name
        assert (tmp_path / name).read_text() == name
    assert put_aside(path) is None
