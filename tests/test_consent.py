"""Consent: what is asked, what a yes holds for, and what becomes of it on a disk that fails."""

import stat
import tomllib

import pytest

from narrator.errors import SettingsUnusable
from narrator.privacy import consent
from narrator.privacy.consent import Consents, page
from narrator.settings import Settings

GOOGLE = "generativelanguage.googleapis.com"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "consents.toml"


def read_aloud(a_page):
    return " ".join((a_page.title + ".", *a_page.paragraphs, a_page.question))


def test_a_yes_lasts_and_holds_for_one_describer_and_one_host(path):
    Consents(path).give("gemini", GOOGLE)
    later = Consents(path)
    assert later.given("gemini", GOOGLE)
    assert later.given("gemini", GOOGLE.upper())
    assert not later.given("gemini", "proxy.example.org")
    assert not later.given("other", GOOGLE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_an_answer_there_is_no_consent_and_no_file(path):
    assert not Consents(path).given("gemini", GOOGLE)
    assert not path.parent.exists()


def test_a_yes_can_be_taken_back(path):
    consents = Consents(path)
    consents.give("gemini", GOOGLE)
    consents.give("gemini", "proxy.example.org")
    consents.revoke("gemini", GOOGLE)
    for each in (consents, Consents(path)):
        assert not each.given("gemini", GOOGLE)
        assert each.given("gemini", "proxy.example.org")


def test_a_yes_to_another_text_does_not_count(path):
    Consents(path).give("gemini", GOOGLE)
    for change in ("version = 0", "version = 99", 'version = "1"', "version = true"):
        text = path.read_text()
        path.write_text(text.replace("version = 1", change))
        assert not Consents(path).given("gemini", GOOGLE)
        path.write_text(text)
    assert Consents(path).given("gemini", GOOGLE)


def test_a_new_yes_replaces_that_to_an_older_text(path):
    path.parent.mkdir()
    path.write_text(f'[[consent]]\nbackend = "gemini"\nhost = "{GOOGLE}"\nversion = 0\n')
    Consents(path).give("gemini", GOOGLE)
    (entry,) = tomllib.loads(path.read_text())["consent"]
    assert entry["version"] == page("gemini", "Gemini", GOOGLE).version
    assert entry["given_on"]


def test_the_file_lies_in_the_configuration_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "own"))
    Consents().give("gemini", GOOGLE)
    assert (tmp_path / "own" / "consents.toml").exists()


def test_always_agrees_and_writes_nothing(path):
    consents = Consents(path, always=True)
    assert consents.given("gemini", GOOGLE)
    consents.give("gemini", GOOGLE)
    consents.revoke("gemini", GOOGLE)
    assert consents.given("gemini", GOOGLE)
    assert not path.parent.exists()
    assert not Consents(path).given("gemini", GOOGLE)


DAMAGED = [
    b"[[consent",
    b"\xff\xfe",
    b"consent = 3",
    b'consent = ["x"]',
    b"[[consent]]\nbackend = 3",
    b"x = " + b"[" * 5000,
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_no_consent_and_is_kept_aside(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    consents = Consents(path)
    assert not consents.given("gemini", GOOGLE)
    consents.give("gemini", GOOGLE)
    assert Consents(path).given("gemini", GOOGLE)
    assert path.with_name("consents.toml.bad").read_bytes() == content


def test_an_older_damaged_file_is_kept_too(path):
    path.parent.mkdir()
    for content in ("first [", "second ["):
        path.write_text(content)
        assert not Consents(path).given("gemini", GOOGLE)
    assert path.with_name("consents.toml.bad").read_text() == "first ["
    assert path.with_name("consents.toml.bad2").read_text() == "second ["


def test_a_file_that_cannot_be_read_is_no_consent(path):
    path.mkdir(parents=True)
    assert not Consents(path).given("gemini", GOOGLE)


def test_what_cannot_be_written_is_told_and_holds_until_the_end(tmp_path):
    (tmp_path / "file").write_text("a file where a folder belongs")
    path = tmp_path / "file" / "consents.toml"
    consents = Consents(path)
    with pytest.raises(SettingsUnusable) as caught:
        consents.give("gemini", GOOGLE)
    assert caught.value.sentence == "Your answer could not be saved."
    assert str(path.parent) in caught.value.remedy
    assert consents.given("gemini", GOOGLE)
    assert not Consents(path).given("gemini", GOOGLE)
    with pytest.raises(SettingsUnusable):
        consents.revoke("gemini", GOOGLE)
    assert not consents.given("gemini", GOOGLE)


def test_a_yes_that_could_not_be_taken_back_on_disk_is_taken_back_here(path):
    consents = Consents(path)
    consents.give("gemini", GOOGLE)
    content = path.read_text()
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where a folder belongs")
    with pytest.raises(SettingsUnusable):
        consents.revoke("gemini", GOOGLE)
    path.parent.unlink()
    path.parent.mkdir()
    path.write_text(content)
    assert not consents.given("gemini", GOOGLE)


def test_hosts_with_awkward_letters_come_back(path):
    host = 'a"b\\c.example\n[::1]'
    Consents(path).give("gemini", host)
    assert Consents(path).given("gemini", host)


def test_the_page_of_gemini_tells_what_there_is_to_know():
    told = page("gemini", "Gemini", GOOGLE)
    assert (told.backend, told.host, told.version) == ("gemini", GOOGLE, 1)
    words = read_aloud(told)
    for fact in (
        "newest picture",
        "older and smaller ones",
        "last sentences that were said",
        f"over the network to {GOOGLE}",
        "once in 8 to 14 seconds",
        "Hardly ever while nothing moves",
        "free tier",
        "to improve its products",
        "people may look at it",
        "European Economic Area, Switzerland and the United Kingdom",
        "quoted as requiring the paid tier",
        "30 cents an hour",
        "stops sending at 60 cents within an hour",
        "stops for the day at 2 dollars",
        "pause, choose the built-in describer, or start with --offline",
        "Your key stays on this computer and goes to",
    ):
        assert fact in words
    assert told.question == f"May pictures be sent to {GOOGLE}?"


HOSTS = [
    (GOOGLE, "That is Google."),
    ("europe-west1-aiplatform.googleapis.com", "That is Google Cloud, with Vertex AI."),
    ("aiplatform.eu.rep.googleapis.com", "That is Google Cloud, with Vertex AI."),
    ("proxy.example.org", "That is not an address of Google"),
    ("evilgoogleapis.com", "That is not an address of Google"),
    (f"{GOOGLE}.example.org", "That is not an address of Google"),
]


@pytest.mark.parametrize(("host", "receiver"), HOSTS)
def test_the_page_says_who_is_behind_a_host(host, receiver):
    assert receiver in page("gemini", "Gemini", host).paragraphs[0]


def test_the_page_of_a_server_tells_how_often_it_is_asked():
    told = page("server", "The model server", "gpu.example.org")
    words = read_aloud(told)
    assert "The server gpu.example.org is not this computer." in words
    assert f"about once in {Settings.defaults().number('narration.min_gap'):.0f} seconds" in words
    assert "at each change of scene" in words
    assert "8 to 14 seconds" not in words
    assert "without a price there is no limit of spending" in words
    assert "Google" not in words


@pytest.mark.parametrize("host", [GOOGLE, "europe-west1-aiplatform.googleapis.com"])
def test_a_server_of_google_s_has_gemini_s_terms(host):
    server, gemini = (page(backend, "It", host) for backend in ("server", "gemini"))
    assert gemini.paragraphs[3] in server.paragraphs
    receiver = gemini.paragraphs[0].rpartition(f"{host}. ")[2]
    assert receiver.startswith("That is Google")
    assert server.paragraphs[0].endswith(receiver)


def test_a_yes_to_the_page_that_told_less_of_a_server_does_not_count(path):
    path.parent.mkdir()
    path.write_text('[[consent]]\nbackend = "server"\nhost = "gpu.example.org"\nversion = 1\n')
    assert not Consents(path).given("server", "gpu.example.org")


def test_the_limits_are_those_in_force():
    limits = {"spending.pace": 1.25, "spending.hour": 0.0, "spending.day": 1.0}
    words = read_aloud(page("gemini", "Gemini", GOOGLE, Settings.defaults().with_values(limits).values))
    assert "about 1.25 dollars an hour" in words
    assert "There is no limit for an hour." in words
    assert "at 1 dollar." in words


@pytest.mark.parametrize("backend", ["gemini", "server", "of-somebody-else"])
@pytest.mark.parametrize("host", [GOOGLE, "x.example.org"])
def test_every_page_reads_well_aloud(backend, host):
    told = page(backend, "The {odd} one", host)
    words = read_aloud(told)
    assert not set("()[]*_<>|") & set(words.replace("{odd}", "").replace("gemini.base_url", ""))
    assert backend == "gemini" or "The {odd} one" in words
    assert all(paragraph[0].isupper() and paragraph[-1] == "." for paragraph in told.paragraphs)
    assert told.question.endswith("?")
    assert not told.title.endswith(".")
    assert len(words.split()) < 340, "under two minutes"


def test_every_text_has_a_version_and_what_a_page_needs():
    texts = {name: text for name, text in consent._texts().items() if name != "money"}
    assert {"any", "gemini", "server"} <= set(texts)
    assert all(type(text["version"]) is int for text in texts.values())
