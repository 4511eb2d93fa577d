"""Keys in the environment, in the file and in key stores of every temper; the file's bits are those on the disk."""

import os
import stat
import threading
import time

import keyring
import pytest
from fakes.waiting import eventually
from keyring.backends import fail
from keyring.errors import KeyringLocked, PasswordDeleteError

from narrator.errors import SettingsUnusable, UsageError
from narrator.messages import Level
from narrator.privacy import keys
from narrator.privacy.key_store import KeyStore, KeyStoreSilent, NoKeyStore, best_store

KEY, OTHER = "AIza-nobodys-key", "AIza-another-one"
VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture
def no_store():
    """keyring without any store, whatever this machine has."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def folder(tmp_path, monkeypatch, no_store):
    """The configuration folder of somebody without keys."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def found(backend="gemini"):
    return keys.find_key(backend, VARIABLES)


def test_the_first_variable_that_is_set_counts(folder, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", OTHER)
    assert found() == keys.Found(OTHER, "in the environment variable GOOGLE_API_KEY")
    monkeypatch.setenv("GEMINI_API_KEY", f"  {KEY}\n")
    assert found() == keys.Found(KEY, "in the environment variable GEMINI_API_KEY")
    monkeypatch.setenv("GEMINI_API_KEY", "  ")
    assert found().value == OTHER


def test_the_environment_comes_before_what_is_kept(folder, monkeypatch):
    keys.store_key("gemini", KEY)
    assert found().value == KEY
    monkeypatch.setenv("GOOGLE_API_KEY", OTHER)
    assert [key.value for key in keys.all_keys("gemini", VARIABLES)] == [OTHER, KEY]


def test_a_key_for_a_host_is_found_for_it_alone(folder):
    kept = keys.store_key("server", KEY, "gpu.lan:8000")
    assert (kept.value, kept.host) == (KEY, "gpu.lan:8000")
    found, told = keys.kept_for("server", "gpu.lan:8000")
    assert (found.value, told) == (KEY, [])
    for other in ("gpu.lan:8001", "lan:8000", "", "api.example.com:443"):
        found, (told,) = keys.kept_for("server", other)
        assert found is None
        assert told.text == f"The key that was kept for gpu.lan:8000 is not sent to {other}."
        assert "key set server" in told.remedy
    assert keys.problems("server", ()) == []


def test_a_key_that_was_written_by_hand_is_for_no_host(folder):
    folder.mkdir()
    (folder / "keys.toml").write_text(f'[keys]\nserver = "{KEY}"\n')
    (folder / "keys.toml").chmod(0o600)
    found, (told,) = keys.kept_for("server", "gpu.lan:8000")
    assert found is None
    assert told.text == "The key that was kept for no server is not sent to gpu.lan:8000."


def test_what_can_be_no_key_is_passed_over_and_told(folder, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "AIza with words")
    keys.store_key("gemini", KEY)
    assert found().value == KEY
    told = keys.problems("gemini", VARIABLES)
    assert [notice.text for notice in told] == [
        "What is in the environment variable GEMINI_API_KEY is no key: it has a space or a line break inside."
    ]
    assert "AIza" not in str(told)


def test_nothing_is_found_where_there_is_nothing(folder):
    assert found() is None
    assert keys.problems("gemini", VARIABLES) == []
    assert keys.delete_key("gemini") == ()
    assert not folder.exists()


def test_a_key_is_kept_in_a_file_that_nobody_else_reads(folder):
    kept = keys.store_key("gemini", f" {KEY} \n")
    path = folder / "keys.toml"
    assert mode(path) == 0o600
    assert kept.place == f"in the file {path}"
    assert kept.notice.level is Level.WARNING
    assert str(path) in kept.notice.text
    assert found() == keys.Found(KEY, f"in the file {path}")
    assert [entry.name for entry in folder.iterdir()] == ["keys.toml"]


def test_the_file_is_private_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        keys.store_key("gemini", KEY)
    finally:
        os.umask(before)
    assert mode(folder / "keys.toml") == 0o600


def test_keys_of_several_describers_do_not_touch_each_other(folder):
    keys.store_key("gemini", KEY)
    keys.store_key("other", OTHER)
    keys.store_key("gemini", OTHER + "2")
    assert (found().value, found("other").value) == (OTHER + "2", OTHER)
    assert keys.delete_key("gemini") == (f"in the file {folder / 'keys.toml'}",)
    assert (found(), found("other").value) == (None, OTHER)
    keys.delete_key("other")
    assert list(folder.iterdir()) == []


def test_any_sign_that_a_key_may_have_comes_back(folder):
    key = "".join(map(chr, range(33, 127)))
    keys.store_key("gemini", key)
    assert found().value == key


def test_many_at_once_lose_no_key(folder):
    writers = [threading.Thread(target=keys.store_key, args=(f"b{number}", KEY)) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert all(found(f"b{number}") for number in range(12))


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_told_and_mended(folder, bits):
    keys.store_key("gemini", KEY)
    path = folder / "keys.toml"
    path.chmod(bits)
    key = found()
    assert key.value == KEY
    assert "could be read by others" in key.notice.text
    assert "get a new key" in key.notice.remedy
    assert mode(path) == 0o600
    assert found().notice is None


DAMAGED = [b"[keys", b"\xff\xfe\x00", b"keys = 3", b"[keys]\ngemini = " + b"[" * 5000]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_holds_no_key_and_is_kept_aside(folder, content):
    folder.mkdir()
    path = folder / "keys.toml"
    path.write_bytes(content)
    assert found() is None
    (told,) = keys.problems("gemini", VARIABLES)
    assert (told.text, str(path) in told.remedy) == ("The file of keys is damaged.", True)
    keys.store_key("gemini", KEY)
    assert found().value == KEY
    assert (folder / "keys.toml.bad").read_bytes() == content


def test_what_the_file_holds_beside_keys_does_no_harm(folder):
    folder.mkdir()
    (folder / "keys.toml").write_text(f'\ufeff[keys]\ngemini = "{KEY}"\nnumber = 3\nodd = "a b"\n[more]\nx = 1\n')
    assert (found().value, found("number"), found("odd"), found("more")) == (KEY, None, None, None)
    (told,) = keys.problems("odd", VARIABLES)
    assert "a space" in told.text


def test_a_folder_that_cannot_be_written_is_told(folder):
    folder.write_text("a file where a folder belongs")
    assert found() is None
    with pytest.raises(SettingsUnusable) as caught:
        keys.store_key("gemini", KEY)
    assert caught.value.sentence == "The key could not be saved."
    assert str(folder) in caught.value.remedy
    assert KEY not in repr((caught.value.sentence, caught.value.remedy, caught.value.detail))


def test_a_linked_file_stays_linked(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / "keys.toml").symlink_to(tmp_path / "elsewhere" / "mine.toml")
    keys.store_key("gemini", KEY)
    assert (folder / "keys.toml").is_symlink()
    assert found().value == KEY


NO_KEYS = [
    ("", "it is empty"),
    (" \n\t", "it is empty"),
    ("AIza x", "it has a space or a line break inside"),
    ("AIza\nx", "it has a space or a line break inside"),
    ("A" * 501, "it is longer than 500 letters"),
    ("AIzä", "it has other letters than plain ones, digits and signs"),
    ("AI\x1bza", "it has control characters"),
]


@pytest.mark.parametrize(("text", "flaw"), NO_KEYS)
def test_what_can_be_no_key_is_refused(folder, text, flaw):
    with pytest.raises(UsageError) as caught:
        keys.store_key("gemini", text)
    assert caught.value.sentence == f"This is no key: {flaw}."
    assert not folder.exists()


@pytest.mark.parametrize("text", [f"\ufeff{KEY}\r\n", f"\u200b{KEY}\u200b", f"\t{KEY} "])
def test_what_comes_along_when_copying_is_taken_off(text):
    assert keys.checked_key(text) == KEY


def test_a_found_key_does_not_show_itself():
    key = keys.Found(KEY, "somewhere")
    assert KEY not in f"{key} {key!r} {[key]}"


class Ring:
    """A key store in memory: it can wait before each answer, and fail."""

    def __init__(self, error=None):
        self.held, self.error, self.asked = {}, error, 0
        self.answers = threading.Event()
        self.answers.set()

    def _answer(self):
        self.asked += 1
        assert self.answers.wait(20)
        if self.error:
            raise self.error

    def get_password(self, service, name):
        self._answer()
        return self.held.get((service, name))

    def set_password(self, service, name, key):
        self._answer()
        self.held[service, name] = key

    def delete_password(self, service, name):
        self._answer()
        if self.held.pop((service, name), None) is None:
            raise PasswordDeleteError


def test_a_store_keeps_finds_and_deletes():
    ring = Ring()
    store = KeyStore(lambda: ring)
    assert store.find("gemini") == ""
    store.put("gemini", KEY)
    assert store.find("gemini") == KEY
    store.put("gemini", OTHER)
    assert store.find("gemini") == OTHER
    assert ring.held == {("scene-narrator", "gemini"): OTHER}
    assert store.delete("gemini")
    assert not store.delete("gemini")
    assert store.find("gemini") == ""


def test_what_another_program_changed_is_seen():
    ring = Ring()
    store = KeyStore(lambda: ring)
    assert store.find("gemini") == ""
    ring.held["scene-narrator", "gemini"] = KEY
    assert store.find("gemini") == KEY


def test_a_silent_store_is_waited_for_once_and_its_late_answer_counts():
    ring = Ring()
    store = KeyStore(lambda: ring, looks_for=0.2, writes_for=0.2)
    ring.held["scene-narrator", "gemini"] = KEY
    ring.answers.clear()
    begun = time.monotonic()
    with pytest.raises(KeyStoreSilent):
        store.find("gemini")
    waited = time.monotonic() - begun
    for _ in range(20):
        with pytest.raises(KeyStoreSilent):
            store.find("gemini")
    assert waited >= 0.2
    assert ring.asked == 1, "later calls neither wait nor ask"
    with pytest.raises(KeyStoreSilent):
        store.put("gemini", OTHER)
    ring.answers.set()
    assert eventually(lambda: ring.held["scene-narrator", "gemini"] == OTHER)
    assert eventually(lambda: _answers(store))


def _answers(store):
    try:
        return store.find("gemini")
    except KeyStoreSilent:
        return ""


def test_two_who_ask_at_once_wait_for_one_answer():
    ring = Ring()
    store = KeyStore(lambda: ring)
    ring.held["scene-narrator", "gemini"] = KEY
    ring.answers.clear()
    got = []
    askers = [threading.Thread(target=lambda: got.append(store.find("gemini"))) for _ in range(2)]
    for asker in askers:
        asker.start()
    assert eventually(lambda: ring.asked)
    ring.answers.set()
    for asker in askers:
        asker.join()
    assert got == [KEY, KEY]


def test_a_locked_store_is_not_asked_again_until_a_key_is_set():
    ring = Ring(KeyringLocked("dismissed"))
    store = KeyStore(lambda: ring)
    for _ in range(3):
        with pytest.raises(KeyStoreSilent):
            store.find("gemini")
    assert ring.asked == 1, "the user would be asked for the password each time"
    ring.error = None
    store.put("gemini", KEY)
    assert store.find("gemini") == KEY


def test_a_store_that_keeps_nothing_is_none():
    class Forgetful(Ring):
        def set_password(self, service, name, key):
            pass

    with pytest.raises(NoKeyStore):
        KeyStore(Forgetful).put("gemini", KEY)


def test_without_a_store_there_is_none(no_store):
    with pytest.raises(NoKeyStore):
        best_store()
    with pytest.raises(NoKeyStore):
        KeyStore().find("gemini")
