"""Who gets a model, where its token may go, and which addresses are allowed."""

import pytest
from fakes.hub import FakeHub, gguf

from narrator.mailbox import Cancel
from narrator.models.address import Hub
from narrator.models.catalogue import catalogue
from narrator.models.download import get, try_token
from narrator.models.failures import ModelError
from narrator.models.hub import Patience
from narrator.privacy.keys import KeyFile
from narrator.settings import config_folder

NAME = "maker/gated"
FILES = {"model-Q8_0.gguf": gguf(50_000), "mmproj-Q8_0.gguf": gguf(50_000, b"p", "clip")}
HASTY = Patience(connect=2, read=2, pauses=(0.01,))


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch):
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "SCENE_NARRATOR_HUB_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture
def gated(hub):
    hub.add(NAME, FILES, is_gated=True)
    return hub


def fetch(hub, name=NAME):
    return get(name, lambda _: None, Cancel(), Hub(hub.url), HASTY)


def refused(hub, name=NAME):
    with pytest.raises(ModelError) as caught:
        fetch(hub, name)
    return caught.value


def test_a_gated_model_says_what_to_accept_and_where_the_token_goes(gated):
    error = refused(gated)
    assert error.sentence == "maker/gated is given only to those who accept its terms."
    assert f"accept them at {gated.url}/maker/gated" in error.remedy
    assert f"{gated.url}/settings/tokens" in error.remedy
    assert "scene-narrator key set hub" in error.remedy


def test_with_its_own_token_it_comes(gated, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_nobodys")
    assert fetch(gated).name == NAME


def test_the_token_of_the_usual_hub_goes_to_no_other_on_this_machine(gated, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_nobodys")
    KeyFile(config_folder() / "keys.toml").set("hub", "hf_nobodys")
    assert refused(gated).cause == "token_stays"
    with pytest.raises(ModelError) as caught:
        try_token(Hub(gated.url), HASTY)
    assert caught.value.cause == "token_stays"
    assert {asked.token for asked in gated.asked} == {""}


def test_the_token_is_sent_only_where_it_is_asked_for(hub, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_nobodys")
    hub.add("maker/open", FILES)
    fetch(hub, "maker/open")
    assert {asked.token for asked in hub.asked} == {""}


def test_a_token_whose_owner_did_not_accept_is_told(gated, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_nobodys")
    gated.accepted = False
    error = refused(gated)
    assert error.sentence.startswith("Your token is good, but its owner has not accepted the terms")


def test_a_token_that_is_no_longer_good_is_told(gated, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_revoked")
    assert refused(gated).sentence == "127.0.0.1 does not accept your token."


def test_a_private_repository_looks_as_if_it_were_not_there(hub):
    hub.add("maker/private", FILES, is_private=True)
    error = refused(hub, "maker/private")
    assert error.sentence == "127.0.0.1 has no model maker/private, or it is not public."
    assert "scene-narrator key set hub" in error.remedy


def test_no_failure_shows_the_token(gated, monkeypatch, caplog):
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_revoked")
    caplog.set_level("DEBUG")
    error = refused(gated)
    assert "hf_revoked" not in caplog.text + error.sentence + error.remedy + error.detail


def test_each_token_is_for_its_own_hub_alone(monkeypatch):
    usual = Hub(catalogue().hub)
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "for-another")
    assert usual.token() == ""
    monkeypatch.delenv("SCENE_NARRATOR_HUB_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_nobodys")
    assert usual.token() == "hf_nobodys"
    others = [Hub("http://127.0.0.1:8080"), Hub("https://mirror.example.org"), Hub(f"{usual.url}:8443")]
    assert [(hub.token(), hub.withholds_token()) for hub in others] == [("", True)] * 3
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "for-another")
    assert [hub.token() for hub in others] == ["for-another"] * 3
    assert usual.token() == "hf_nobodys"


def test_a_token_is_tried(hub, monkeypatch):
    with pytest.raises(ModelError) as caught:
        try_token(Hub(hub.url), HASTY)
    assert caught.value.cause == "no_token"
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_nobodys")
    assert try_token(Hub(hub.url), HASTY) == "127.0.0.1 knows your token."
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_revoked")
    with pytest.raises(ModelError) as caught:
        try_token(Hub(hub.url), HASTY)
    assert caught.value.cause == "bad_token"


def test_the_address_is_given_or_of_the_environment_or_the_usual_one(monkeypatch):
    assert Hub.at().url == catalogue().hub
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example.org/")
    assert Hub.at().url == "https://mirror.example.org"
    assert Hub.at("http://192.168.1.5:8080/hub/").url == "http://192.168.1.5:8080/hub"


NOT_ALLOWED = [
    ("hub.example.org", "bad_address"),
    ("ftp://hub.example.org", "bad_address"),
    ("https://", "bad_address"),
    ("https://hub:99999", "bad_address"),
    ("https://me:secret@hub.example.org", "bad_address"),
    ("http://hub.example.org", "not_encrypted"),
    ("http://8.8.8.8", "not_encrypted"),
]


@pytest.mark.parametrize(("address", "cause"), NOT_ALLOWED)
def test_an_address_that_cannot_be_is_told(address, cause):
    with pytest.raises(ModelError) as caught:
        Hub.at(address)
    assert caught.value.cause == cause
    assert "secret" not in caught.value.sentence


def test_offline_only_this_machine_is_asked(hub):
    with pytest.raises(ModelError) as caught:
        Hub.at("https://hub.example.org", offline=True)
    assert caught.value.sentence == "The network is switched off, so nothing can be fetched."
    hub.add("maker/open", FILES)
    assert get("maker/open", lambda _: None, Cancel(), Hub.at(hub.url, offline=True), HASTY)


def test_a_host_without_a_certificate_that_we_trust_is_told():
    with FakeHub() as hub:
        hub.speak_tls()
        error = refused(hub)
    assert error.sentence == "127.0.0.1 could not prove that it is 127.0.0.1, so nothing was fetched."
