"""Where a server's pictures and key may go: what addresses mean, what is refused, and that nothing goes elsewhere."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from fakes.openai_service import OpenAIService
from fakes.server_talk import ServerTalk

from narrator.backends import _server_errors as errors
from narrator.backends import openai_server
from narrator.backends._server_address import Address
from narrator.backends._server_key import key_for
from narrator.backends._server_presets import presets
from narrator.describers import Describers, key_of
from narrator.errors import NarratorError
from narrator.privacy.consent import Consents
from narrator.privacy.keys import store_key
from narrator.seams import Context
from narrator.settings import Settings


def options(url, **settings):
    changed = {"server.url": url, **{f"server.{name}": value for name, value in settings.items()}}
    return dict(Settings.defaults().values) | changed


@pytest.mark.parametrize(
    ("text", "base", "host"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", ""),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1", ""),
        ("http://LOCALHOST:8000/v1/chat/completions", "http://localhost:8000/v1", ""),
        ("http://[::1]:8000/v1/models", "http://[::1]:8000/v1", ""),
        ("localhost:8080", "http://localhost:8080/v1", ""),
        ("192.168.1.5:8000", "http://192.168.1.5:8000/v1", "192.168.1.5"),
        ("gpu-box:8000", "http://gpu-box:8000/v1", "gpu-box"),
        ("api.example.com", "https://api.example.com/v1", "api.example.com"),
        (" https://api.example.com/v2/x/openai/v1 ", "https://api.example.com/v2/x/openai/v1", "api.example.com"),
        ("https://Api.Example.com.:8443/v1", "https://api.example.com:8443/v1", "api.example.com"),
    ],
)
def test_what_a_person_writes_for_an_address(text, base, host):
    address = Address.of(options(text))
    assert address.base == base
    assert openai_server.destination(options(text)) == host


@pytest.mark.parametrize(
    "text",
    [
        "https://user:password@api.example.com/v1",
        "http://127.0.0.1\\@evil.example/v1",
        "http://127.0.0.1#@evil.example/v1",
        "https://api.example.com/v1?key=secret",
        "https://api.example.com/v1#part",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "https://",
        "https://api example.com/v1",
        "https://münchen.example/v1",
        "https://api.example.com:0/v1",
        "https://api.example.com:99999/v1",
        "https://[::1/v1",
        "https://[fe80::1%25eth0]/v1",
        "https://api.example.com/v1\r\nX-Evil: 1",
        "javascript:alert(1)",
        "::::",
        "http://134744072/v1",
        "http://0x08080808/v1",
        "http://010.8.8.8/v1",
        "http://127.1/v1",
        "http://0/v1",
        "https://a.0x7f/v1",
    ],
)
def test_what_is_no_address_is_refused_and_goes_nowhere(text):
    talk = ServerTalk(text, key="sk-1")
    assert openai_server.destination(talk.options) == ""
    assert openai_server.ready(talk.options) == ""
    with pytest.raises(errors.BadAddress) as caught:
        talk.open()
    assert "secret" not in f"{caught.value.sentence} {caught.value.remedy}"
    talk.close()


def test_without_any_address_the_user_is_told_where_to_give_one():
    talk = ServerTalk("")
    with pytest.raises(errors.NoAddress) as caught:
        talk.open()
    assert caught.value.sentence == "No server was chosen."
    assert openai_server.ready(talk.options) == ""
    talk.close()


@pytest.mark.parametrize("preset", [name for name in presets() if name])
def test_a_preset_knows_its_own_place(preset):
    address = Address.of(options("", preset=preset))
    assert not address.flaw
    assert address.base == presets()[preset].url
    assert preset in openai_server.SPEC.settings[1].choices
    assert f"{presets()[preset].title}: {address.base}" in dict(openai_server.offers("server.preset"))[preset]


def test_every_kind_that_may_be_chosen_is_known():
    assert set(openai_server.SPEC.settings[1].choices) == {"auto", *filter(None, presets())}


class TestPlainHttp:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "[fd00::1]", "gpu", "gpu.local", "gpu.lan"]
    )
    def test_is_allowed_on_this_machine_and_in_the_own_network(self, host):
        talk = ServerTalk(f"http://{host}:1")
        Address.of(talk.options).require_usable(talk.context)
        assert talk.notices == []
        talk.close()

    @pytest.mark.parametrize(
        "host",
        [
            "api.example.com",
            "127.0.0.1.example.com",
            "8.8.8.8",
            "[2001:4860:4860::8888]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::808:808]",
            "[2001:db8::1]",
            "203.0.113.5",
            "198.18.0.1",
            "100.64.0.1",
            "240.0.0.1",
            "0.0.0.0",  # noqa: S104 - it is refused
        ],
    )
    def test_is_refused_elsewhere_unless_the_user_says_so(self, host):
        talk = ServerTalk(f"http://{host}/v1")
        with pytest.raises(errors.NotEncrypted) as caught:
            talk.open()
        assert "without encryption, so nothing was sent." in caught.value.sentence
        talk.set(allow_http=True)
        Address.of(talk.options).require_usable(talk.context)
        assert "is not encrypted" in talk.told
        talk.close()


@pytest.fixture
def names(monkeypatch):
    """What names stand for, in place of the resolver."""
    known = {}

    def look_up(host, port, *_, **__):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "nobody knows it")
        families = [socket.AF_INET6 if ":" in number else socket.AF_INET for number in known[host]]
        return [(family, 1, 6, "", (number, port)) for family, number in zip(families, known[host], strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


class TestNames:
    """A name proves nothing: what it stands for decides where plain http may go."""

    def talk(self, openai_service, name):
        return ServerTalk(f"http://{name}:{openai_service.port}/v1", key="sk-1")

    @pytest.mark.parametrize("name", ["gpu", "gpu.lan", "localhost"])
    def test_one_of_this_machine_or_the_own_network_is_used(self, names, openai_service, name):
        names[name] = ["127.0.0.1"]
        talk = self.talk(openai_service, name)
        assert talk.text()
        assert openai_service.last.headers["host"] == f"{name}:{openai_service.port}"
        talk.close()

    def test_the_next_number_is_tried_where_the_first_does_not_answer(self, names, openai_service):
        names["gpu"] = ["::1", "127.0.0.1"]
        talk = self.talk(openai_service, "gpu")
        assert talk.text()
        talk.close()

    @pytest.mark.parametrize(
        ("name", "numbers"),
        [
            ("gpu", ["8.8.8.8"]),
            ("gpu.lan", ["127.0.0.1", "8.8.8.8"]),
            ("gpu", ["127.0.0.1", "2001:4860:4860::8888"]),
            ("gpu", ["198.18.0.1"]),
            ("localhost", ["10.0.0.1"]),
        ],
    )
    def test_one_that_leads_elsewhere_is_sent_nothing(self, names, openai_service, name, numbers):
        names[name] = numbers
        talk = self.talk(openai_service, name)
        with pytest.raises(errors.NotEncrypted) as caught:
            talk.open()
        assert caught.value.sentence == (
            f"Pictures would go to {name}:{openai_service.port} without encryption, so nothing was sent."
        )
        assert openai_service.calls == []
        talk.close()

    def test_what_a_name_comes_to_mean_later_gets_nothing(self, names, openai_service):
        names["gpu"] = ["127.0.0.1"]
        talk = self.talk(openai_service, "gpu")
        assert talk.text()
        names["gpu"] = ["8.8.8.8"]
        openai_service.fail("reset-before")
        assert talk.text()  # connected anew, to the number that was judged
        openai_service.stop()
        with pytest.raises(errors.Unreachable):
            talk.text()
        with pytest.raises(errors.NotEncrypted):
            talk.again()
        talk.close()

    def test_one_that_nobody_knows_is_told(self, names, openai_service):
        talk = self.talk(openai_service, "gpu")
        with pytest.raises(errors.NameNotFound) as caught:
            talk.open()
        assert "cannot be looked up" in caught.value.sentence
        talk.close()

    def test_the_user_may_allow_it_and_is_told(self, names, openai_service):
        names["gpu"] = ["203.0.113.5", "127.0.0.1"]
        talk = self.talk(openai_service, "gpu").set(allow_http=True)
        assert "is not encrypted" not in talk.told
        Address.of(talk.options).require_usable(talk.context)
        assert "is not encrypted" in talk.told
        talk.close()


class TestOffline:
    @pytest.mark.parametrize("host", ["api.example.com", "192.168.1.5", "gpu.local"])
    def test_only_this_machine_is_asked(self, host):
        talk = ServerTalk(f"https://{host}/v1")
        talk.options["network.offline"] = True
        with pytest.raises(errors.Offline) as caught:
            talk.open()
        assert caught.value.sentence == f"The server {host} needs the network, which is switched off."
        talk.close()

    def test_a_server_on_this_machine_still_describes(self, server_talk):
        server_talk.options["network.offline"] = True
        assert server_talk.text()


class TestKey:
    def test_never_comes_from_the_variable_of_another_service(self):
        assert openai_server.SPEC.key_variables == ("SCENE_NARRATOR_SERVER_KEY",)

    @pytest.mark.parametrize(
        ("text", "host"),
        [
            ("https://api.example.com/v1", "api.example.com:443"),
            ("api.example.com:443", "api.example.com:443"),
            ("http://gpu", "gpu:80"),
            ("http://[::1]:8000", "[::1]:8000"),
            ("", ""),
            ("::::", ""),
        ],
    )
    def test_is_kept_for_host_and_port(self, text, host):
        assert openai_server.key_host(options(text)) == host

    @pytest.fixture
    def asks(self, tmp_path, monkeypatch):
        """Settings to the key that would go, and what is told."""
        monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path))
        told = []

        def ask(url="", **settings):
            told.clear()
            values = options(url, **settings)
            context = Context(values, told.append, key=lambda id_: key_of(id_, told.append))
            return key_for(Address.of(values), context), " ".join(notice.text for notice in told)

        return ask

    def test_that_of_the_environment_goes_to_no_usual_place(self, asks, monkeypatch):
        """Whoever listens there first would get it."""
        monkeypatch.setenv("SCENE_NARRATOR_SERVER_KEY", "sk-loose")
        key, told = asks(preset="ollama")
        assert key == ""
        assert told == "The key in the environment is not sent to 127.0.0.1:11434, which server.url does not name."
        assert asks(preset="gemini")[0] == ""
        assert asks("http://127.0.0.1:11434/v1", preset="ollama") == ("sk-loose", "")

    def test_one_that_was_set_for_a_usual_place_goes_there_and_nowhere_else(self, asks, monkeypatch):
        monkeypatch.setenv("SCENE_NARRATOR_SERVER_KEY", "sk-loose")
        store_key("server", "sk-kept", "127.0.0.1:11434")
        assert asks(preset="ollama") == ("sk-kept", "")
        monkeypatch.delenv("SCENE_NARRATOR_SERVER_KEY")
        assert asks("http://127.0.0.1:11434") == ("sk-kept", "")
        assert asks("http://127.0.0.1:8000") == (
            "",
            "The key that was kept for 127.0.0.1:11434 is not sent to 127.0.0.1:8000.",
        )

    def test_what_is_none_is_told_once(self, asks, monkeypatch):
        monkeypatch.setenv("SCENE_NARRATOR_SERVER_KEY", "two words")
        key, told = asks("http://127.0.0.1:8000")
        assert key == ""
        assert told.count("is no key") == 1

    @pytest.mark.parametrize("kind", ["chat", "models"])
    def test_does_not_follow_a_redirect_to_another_server(self, openai_service, kind):
        with OpenAIService() as other:
            openai_service.fail("redirect", times=-1, on=kind)
            talk = ServerTalk(openai_service.url, key="sk-1")
            with pytest.raises(errors.Redirected):
                talk.text()
            talk.close()
            assert other.calls == []
            assert all(call.path.startswith("/v1/") for call in openai_service.calls)

    def test_a_changed_address_does_not_take_a_running_session_along(self, server_talk, openai_service):
        assert server_talk.text()
        with OpenAIService() as other:
            server_talk.set(url=other.url)
            assert server_talk.text()
            assert other.calls == []

    def test_a_proxy_of_the_environment_sees_nothing_of_a_server_that_is_near(self, openai_service, monkeypatch):
        with OpenAIService() as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.delenv("NO_PROXY", raising=False)
            talk = ServerTalk(openai_service.url, key="sk-1")
            assert talk.text()
            talk.close()
            assert proxy.calls == []

    def test_a_password_file_of_the_user_is_not_read(self, openai_service, tmp_path, monkeypatch):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        talk = ServerTalk(openai_service.url)
        assert talk.text()
        talk.close()
        assert all("authorization" not in call.headers for call in openai_service.calls)


class TestCheck:
    @pytest.fixture
    def describers(self, tmp_path):
        return Describers(Consents(tmp_path / "consents.toml"), lambda _: "sk-1")

    def test_says_that_it_works(self, describers, openai_service):
        talk = ServerTalk(openai_service.url, key="sk-1")
        openai_service.key = "sk-1"
        sentence = describers.check("server", talk.context)
        assert sentence == f"The server 127.0.0.1:{openai_service.port} works, and tiny-vl answers."
        assert not any(call.pictures for call in openai_service.calls)
        talk.close()

    def test_says_that_the_key_is_wrong(self, describers, openai_service):
        openai_service.key = "sk-2"
        talk = ServerTalk(openai_service.url, key="sk-1")
        with pytest.raises(errors.AuthFailed):
            describers.check("server", talk.context)
        talk.close()

    def test_says_that_it_sleeps(self, describers, openai_service):
        openai_service.fail("503", times=-1, on="models")
        talk = ServerTalk(openai_service.url)
        with pytest.raises(errors.Waking):
            describers.check("server", talk.context)
        talk.close()

    @pytest.mark.parametrize("fault", ["500", "429", "reset-before"])
    def test_promises_no_other_try(self, describers, openai_service, fault):
        openai_service.fail(fault, times=-1, on="models", retry="7")
        talk = ServerTalk(openai_service.url)
        with pytest.raises(NarratorError) as caught:
            describers.check("server", talk.context)
        said = f"{caught.value.sentence} {caught.value.remedy}"
        assert "by itself" not in said
        assert "waiting" not in said
        assert "  " not in said.strip()
        talk.close()

    def test_sends_no_key_to_a_host_that_nobody_agreed_to(self, describers):
        talk = ServerTalk("https://192.0.2.7/v1", key="sk-1")
        with pytest.raises(NarratorError) as caught:
            describers.check("server", talk.context)
        assert caught.value.sentence == "The key was not sent to 192.0.2.7: you have not agreed to that address yet."
        talk.close()

    def test_a_server_elsewhere_asks_for_consent_and_one_here_does_not(self, describers):
        far, near = (options(url) for url in ("https://api.example.com/v1", "http://127.0.0.1:8000"))
        asked = describers.choose("server", far)
        assert (asked.backend, asked.page.host) == ("embedded", "api.example.com")
        assert describers.choose("server", near).backend == "server"


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate for 127.0.0.1 that nobody trusts."""
    files = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files[0], "-out", files[1]),
        ],
        check=True,
        capture_output=True,
    )
    return files


class TestTls:
    @pytest.fixture
    def secure(self, certificate):
        """A TLS server that says what it was sent, which must be nothing."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[1], certificate[0])
        heard = []

        def serve(listening):
            with closing(listening), closing(listening.accept()[0]) as connection:
                try:
                    with context.wrap_socket(connection, server_side=True) as wrapped:
                        heard.append(wrapped.recv(1000))
                except OSError as error:
                    heard.append(error)

        listening = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join(5)

    def test_a_certificate_that_nobody_trusts_is_refused(self, secure):
        port, heard = secure
        talk = ServerTalk(f"https://127.0.0.1:{port}/v1", key="sk-1")
        with pytest.raises(errors.NotSecure) as caught:
            talk.open()
        assert caught.value.sentence == f"No secure connection to the server 127.0.0.1:{port}."
        talk.close()
        assert not any(isinstance(said, bytes) and said for said in heard)

    def test_one_that_the_user_installed_is_trusted(self, secure, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        port, heard = secure
        talk = ServerTalk(f"https://127.0.0.1:{port}/v1", key="sk-1")
        with pytest.raises(errors.Unreachable):  # it hangs up after the first words
            talk.open()
        talk.close()
        assert heard[0].startswith(b"GET /v1/models")


def test_what_there_is_to_know_before_needs_no_client():
    code = "import sys; import narrator.registry as r; r.specs('backends'); r.destination('server', {0}); {1}"
    values = {"server.url": "https://api.example.com", "server.preset": "auto"}
    check = "assert not {'httpx2', 'asyncio', 'ssl'} & set(sys.modules), sys.modules.keys()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code.format(values, check)], check=True, env=environment, timeout=60)
