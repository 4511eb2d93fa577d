"""Whether a key may be tried: offline, without a consent, and while settings change; through describers and session."""

from contextlib import closing

import pytest
from fakes.gemini_service import GeminiService

from narrator.describers import Describers
from narrator.errors import NarratorError
from narrator.network import Network
from narrator.privacy.consent import Consents
from narrator.seams import Context
from narrator.session import Session
from narrator.settings import Settings

KEY = "test-key-of-nobody"


@pytest.fixture
def consents(tmp_path):
    return Consents(tmp_path / "consents.toml")


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


def settings(service, **changes):
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return Settings.defaults().with_values({"gemini.base_url": service.url, **named})


def no_key(_):
    return ""


def test_a_host_that_was_agreed_to_is_tried(consents, network, gemini_service):
    consents.give("gemini", "127.0.0.1")
    context = Context(settings(gemini_service).values, key=lambda _: KEY, network=network)
    assert "accepts the key" in Describers(consents, no_key).check("gemini", context)


@pytest.mark.parametrize("address", ["https://proxy.example", "https://googleapis.com.example", "http://127.0.0.1:1"])
def test_another_than_the_service_s_own_is_not_tried_before(consents, network, gemini_service, address):
    values = settings(gemini_service, gemini__base_url=address).values
    context = Context(values, key=lambda _: KEY, network=network)
    with pytest.raises(NarratorError, match="have not agreed to that address") as caught:
        Describers(consents, no_key).check("gemini", context)
    assert caught.value.remedy == "Choose Gemini as the describer and answer its page first."


@pytest.mark.parametrize("changes", [{}, {"gemini__vertex": True, "gemini__location": "europe-west4"}])
def test_the_service_s_own_needs_no_consent_yet(consents, network, gemini_service, changes):
    values = settings(gemini_service, gemini__base_url="", **changes).values
    with pytest.raises(NarratorError, match=r"No key|project or a key"):  # it got as far as looking for the key
        Describers(consents, no_key).check("gemini", Context(values, key=no_key, network=network))


def test_settings_that_change_meanwhile_lead_nowhere_else(consents, network, gemini_service):
    consents.give("gemini", "127.0.0.1")
    options = dict(settings(gemini_service).values)
    with GeminiService() as other:

        def key(_):
            options["gemini.base_url"] = other.url.replace("127.0.0.1", "localhost")
            return KEY

        context = Context(options, key=key, network=network)
        assert "accepts the key" in Describers(consents, no_key).check("gemini", context)
        assert other.calls == []


def test_the_end_of_the_program_is_told_plainly(consents, network, gemini_service):
    consents.give("gemini", "127.0.0.1")
    network.close()
    context = Context(settings(gemini_service).values, key=lambda _: KEY, network=network)
    with pytest.raises(NarratorError, match="the program ends"):
        Describers(consents, no_key).check("gemini", context)


class TestInASession:
    """As the window asks."""

    @pytest.mark.parametrize(
        ("changes", "agreed", "told"),
        [
            ({}, False, "have not agreed to that address"),
            ({"network__offline": True, "gemini__base_url": "https://gemini.invalid"}, True, "switched off"),
        ],
        ids=["not agreed", "offline"],
    )
    def test_a_key_that_may_not_go_there_is_not_sent(
        self, consents, gemini_service, monkeypatch, changes, agreed, told
    ):
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        given = Consents(always=True) if agreed else consents
        values = settings(gemini_service, **changes)
        session = Session(values, source="demo", backend="embedded", voice="silent", consents=given)
        with closing(session), pytest.raises(NarratorError, match=told):
            session.check_key("gemini")
        assert gemini_service.calls == []
