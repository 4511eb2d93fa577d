"""Every way in which Gemini fails: which error of ours, what is said, and when it may be asked again."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fakes.gemini_talk import KEY, Talk

from narrator.backends import _gemini_errors as errors
from narrator.backends._gemini_models import catalogue
from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused, PartMissing
from narrator.messages import Delta, Usage

REFUSED, BUSY, NEXT, CUT = BackendRefused, BackendBusy, BackendError, AnswerCut
ROWS = [
    # fault, its numbers, our error, what it means, seconds of rest, told from, sentence
    ("400-key", {}, errors.AuthFailed, REFUSED, None, 1, "Gemini does not accept the key."),
    ("401", {}, errors.AuthFailed, REFUSED, None, 1, "Gemini does not accept the key."),
    ("403-no-key", {}, errors.AuthFailed, REFUSED, None, 1, "Gemini does not accept the key."),
    ("403", {}, errors.AccessDenied, REFUSED, None, 1, "This Google project may not use Gemini."),
    ("400-region", {}, errors.WrongRegion, REFUSED, None, 1, "Gemini is not offered in this region."),
    ("400-billing", {}, errors.WrongRegion, REFUSED, None, 1, "Gemini is not offered in this region."),
    ("400", {}, errors.BadRequest, NEXT, None, 1, "Gemini refused the request."),
    ("429", {"retry": 2}, errors.QuotaExceeded, BUSY, 2.0, 1, "Too many requests, waiting 2 seconds."),
    ("429", {"retry": 20.5}, errors.QuotaExceeded, BUSY, 20.5, 1, "Too many requests, waiting 20 seconds."),
    ("429-bare", {"retry": 0}, errors.QuotaExceeded, BUSY, 0.0, 1, "Too many requests, waiting a little."),
    ("429-day", {}, errors.DailyQuotaExceeded, BUSY, (1, 3600), 1, "Today's free allowance is used up."),
    ("429-none", {}, errors.DailyQuotaExceeded, BUSY, (1, 3600), 1, "Today's free allowance is used up."),
    ("500", {}, errors.Overloaded, BUSY, 0.0, 3, "Gemini is overloaded."),
    ("503", {"retry": 0}, errors.Overloaded, BUSY, 0.0, 3, "Gemini is overloaded."),
    ("503", {"retry": 3}, errors.Overloaded, BUSY, 3.0, 3, "Gemini is overloaded."),
    ("503-html", {}, errors.Overloaded, BUSY, 0.0, 3, "Gemini is overloaded."),
    ("504", {}, errors.Overloaded, BUSY, 0.0, 3, "Gemini is overloaded."),
    ("error-in-stream", {}, errors.Overloaded, BUSY, 0.0, 3, "Gemini is overloaded."),
    ("safety", {}, errors.Blocked, NEXT, None, 1, "Gemini declined to describe this picture."),
    ("prompt-block", {}, errors.Blocked, NEXT, None, 1, "Gemini declined to describe this picture."),
    ("hang", {"seconds": 5}, errors.TimedOut, NEXT, None, 3, "Gemini is slow."),
    ("stall", {"seconds": 5}, errors.TimedOut, NEXT, None, 3, "Gemini is slow."),
    ("reset-before", {}, errors.Truncated, CUT, None, 3, "Gemini's answer broke off."),
    ("reset", {}, errors.Truncated, CUT, None, 3, "Gemini's answer broke off."),
    ("drop", {}, errors.Truncated, CUT, None, 3, "Gemini's answer broke off."),
    ("cut", {}, errors.Truncated, CUT, None, 3, "Gemini's answer broke off."),
    ("empty", {}, errors.Truncated, CUT, None, 3, "Gemini's answer broke off."),
    (
        "max-tokens",
        {},
        errors.OutOfTokens,
        CUT,
        None,
        3,
        "Gemini's answer was cut at the most tokens that it may have.",
    ),
    ("garbage", {}, errors.BadAnswer, NEXT, None, 3, "Gemini's answer could not be read."),
]
IDS = [f"{row[0]}{row[1].get('retry', '')}" for row in ROWS]
OF_A_STREAM = {"safety", "stall", "reset", "cut", "drop", "max-tokens", "garbage", "error-in-stream"}


def failed(talk, asked=None):
    """What a request raised, and what came before."""
    parts = []
    with pytest.raises(BackendError) as caught:
        parts.extend(talk.ask(asked))
    return caught.value, parts


@pytest.fixture
def quick(talk):
    """With short deadlines, open."""
    talk.set(first_word_within=0.4, answer_within=0.7).open()
    return talk


@pytest.mark.parametrize(("fault", "numbers", "kind", "meaning", "rest", "told_from", "sentence"), ROWS, ids=IDS)
def test_each_failure_has_its_own_error(
    quick, gemini_service, fault, numbers, kind, meaning, rest, told_from, sentence
):
    gemini_service.fail(fault, **numbers)
    began = time.monotonic()
    error, _ = failed(quick)
    assert type(error) is kind
    assert isinstance(error, meaning)
    assert error.retryable == (meaning is BUSY)
    assert (error.sentence, error.told_from) == (sentence, told_from)
    assert error.remedy or meaning is CUT or kind is errors.Blocked
    if isinstance(rest, tuple):
        assert rest[0] < error.rest <= rest[1]
    elif rest is not None:
        assert error.rest == rest
    assert time.monotonic() - began < 2
    assert len(gemini_service.asked) == 1  # never sent a second time
    if error.reopens:
        quick.backend.open()
    assert quick.text()  # the client is as good as before


@pytest.mark.parametrize("fault", sorted(OF_A_STREAM))
def test_what_came_before_is_kept_and_counted(quick, gemini_service, fault):
    gemini_service.fail(fault, after=3, seconds=5)
    _, parts = failed(quick)
    assert len([part for part in parts if isinstance(part, Delta)]) == 3
    assert isinstance(parts[-1], Usage)
    assert parts[-1].tokens_out == 3


@pytest.mark.parametrize(("fault", "detail"), [("hang", "first word"), ("stall", "total")])
def test_the_log_tells_which_deadline_passed(quick, gemini_service, fault, detail):
    gemini_service.fail(fault, seconds=5)
    assert failed(quick)[0].detail == detail


def test_a_slow_first_word_and_then_a_long_answer_is_no_failure(talk, gemini_service):
    gemini_service.set(first_token=0.3, rate=20)
    talk.set(first_word_within=0.6, answer_within=3).open()
    assert talk.text()


def test_thoughts_are_no_first_word(talk, gemini_service):
    gemini_service.set(thoughts=10, first_token=0.1, answer="A dog runs away.")
    gemini_service.fail("stall", after=0, seconds=5)
    talk.set(first_word_within=0.4, answer_within=2).open()
    assert failed(talk)[0].detail == "first word"


def test_a_limit_by_the_minute_slows_the_pace(quick, gemini_service):
    gemini_service.fail("429")
    error, _ = failed(quick)
    assert error.reopens
    assert quick.backend.open().min_gap == 6.0  # 15 a minute allow more than we ask for
    error.a_minute = 0
    quick.set(min_gap=1.0)
    assert quick.backend.open().min_gap == 4.0


class TestModelGone:
    def test_another_takes_its_place_for_the_next_request(self, talk, gemini_service):
        gemini_service.set(models=["gemini-3.5-flash-lite", "gemini-3.8-flash"])
        talk.open()
        gemini_service.set(models=["gemini-3.8-flash"])
        error, _ = failed(talk)
        assert type(error) is errors.ModelReplaced
        assert error.reopens
        assert "gemini-3.5-flash-lite does not exist any more" in talk.told
        assert talk.backend.open().prices == catalogue().model("gemini-3.8-flash").prices_on(date.today())
        assert talk.text()
        assert gemini_service.last.model == "gemini-3.8-flash"

    def test_without_another_it_rests(self, talk, gemini_service):
        gemini_service.set(models=["gemini-3.5-flash-lite"])
        talk.open()
        gemini_service.set(models=[])
        error, _ = failed(talk)
        assert type(error) is errors.ModelNotFound
        assert error.sentence == "The model gemini-3.5-flash-lite does not exist."


class TestClock:
    def test_a_login_that_fails_while_the_clock_is_off(self, quick, gemini_service):
        gemini_service.set(date_offset=7200)
        gemini_service.fail("401")
        error, _ = failed(quick)
        assert type(error) is errors.ClockSkew
        assert error.retryable
        assert "clock" in error.sentence

    def test_a_certificate_that_is_not_valid_now(self, tmp_path):
        with secure_server(tmp_path, valid_from=-10, valid_to=-5) as url:
            assert type(failed_at(url)) is errors.ClockSkew


class TestNetwork:
    def test_nobody_answers(self):
        error = failed_at("http://127.0.0.1:1")
        assert type(error) is errors.NetworkDown
        assert error.retryable
        assert error.sentence == "No connection to Gemini."

    def test_the_name_is_not_known(self):
        error = failed_at("https://gemini.invalid")
        assert type(error) is errors.NameNotFound

    def test_the_certificate_is_nobody_s(self, tmp_path):
        with secure_server(tmp_path) as url:
            assert type(failed_at(url)) is errors.NotSecure

    def test_there_is_no_encryption_where_it_must_be(self, gemini_service):
        assert type(failed_at(gemini_service.url.replace("http:", "https:"))) is errors.NotSecure

    def test_the_proxy_wants_a_password(self, monkeypatch):
        with server_that_answers(407) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            error = failed_at("https://gemini.example")
        assert type(error) is errors.ProxyFailed
        assert "HTTPS_PROXY" in error.remedy

    def test_the_proxy_wants_a_password_of_who_asks_in_the_clear(self, monkeypatch):
        with server_that_answers(407) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            assert type(failed_at("http://gemini.example")) is errors.ProxyFailed

    def test_the_proxy_is_no_address(self, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "nonsense://x")
        assert type(failed_at("https://gemini.example")) is errors.ProxyFailed

    def test_a_redirect_is_not_followed(self):
        with server_that_answers(200) as elsewhere, server_that_answers(307, Location=elsewhere.url) as redirects:
            error = failed_at(redirects.url)
        assert type(error) is errors.Redirected
        assert redirects.seen
        assert elsewhere.seen == []

    def test_a_sign_in_page_comes_in_place_of_an_answer(self):
        with server_that_answers(200, body=b"<html>Welcome to the hotel</html>") as hotel:
            assert type(failed_at(hotel.url)) is errors.BadAnswer

    @pytest.mark.parametrize("address", ["gemini", "ftp://host", "http://", "http://[::bad", "https://host:x", "::"])
    def test_the_address_is_none(self, address):
        talk = Talk(address)
        with pytest.raises(errors.BadAddress) as caught:
            talk.open()
        assert "gemini.base_url" in caught.value.sentence
        talk.close()

    def test_an_address_in_the_clear_is_warned_of(self, monkeypatch):
        with server_that_answers(407) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            talk = Talk("http://gemini.example")
            talk.open()
        assert "not encrypted" in talk.told
        talk.close()


class TestKey:
    def test_none_is_told_with_the_command_that_stores_one(self, talk):
        talk.key = ""
        with pytest.raises(errors.NoKey) as caught:
            talk.open()
        assert caught.value.sentence == "No key for Gemini was found."
        assert caught.value.remedy == "scene-narrator key set gemini"
        assert isinstance(caught.value, BackendRefused)

    def test_one_of_the_environment_is_never_taken_unasked(self, talk, monkeypatch):
        monkeypatch.setenv("GOOGLE_API_KEY", "another")
        talk.key = ""
        with pytest.raises(errors.NoKey):
            talk.open()

    @pytest.mark.parametrize("key", ["clé", "two\nlines", "\0"])
    def test_what_cannot_be_one_is_told(self, talk, key):
        talk.key = key
        with pytest.raises(errors.AuthFailed):
            talk.open()

    def test_a_wrong_one_is_told_when_it_starts(self, talk, gemini_service):
        gemini_service.set(key="the right one")
        with pytest.raises(errors.AuthFailed):
            talk.open()

    @pytest.mark.parametrize("fault", ["400-key", "401", "403"])
    def test_after_a_refusal_the_next_opening_takes_the_one_that_is_there_then(self, quick, gemini_service, fault):
        gemini_service.fail(fault)
        failed(quick)
        quick.key = "another-key"
        quick.backend.open()
        assert quick.text()
        assert gemini_service.last.headers["x-goog-api-key"] == "another-key"

    def test_it_is_in_no_error_and_no_log(self, quick, gemini_service, caplog):
        caplog.set_level("DEBUG")
        gemini_service.set(answer=KEY)
        for fault in ("400-key", "503-html", "garbage", "reset"):
            quick.backend.open()
            gemini_service.fail(fault)
            error, _ = failed(quick)
            told = f"{error!r} {error} {error.detail} {error.remedy}"
            assert KEY not in told
        assert KEY not in caplog.text + quick.told
        assert "x-goog-api-key" not in caplog.text
        assert "/9j/" not in caplog.text  # no picture
        assert "_9j_" not in caplog.text
        assert repr(quick.backend).find(KEY) < 0

    def test_it_is_cut_out_of_what_the_service_says(self, quick):
        with server_that_answers(400, body=json.dumps({"error": {"message": f"bad key {KEY}"}}).encode()) as server:
            error = failed_at(server.url)
        assert KEY not in error.detail
        assert "bad key" in error.detail


def test_of_an_answer_that_cannot_be_read_no_word_reaches_the_log():
    words = '{"candidates": [{"content": {"parts": [{"text": "Her name is Rosalind'
    with server_that_answers(200, body=f"data: {words}\n\n".encode()) as server:
        error = failed_at(server.url)
    assert type(error) is errors.BadAnswer
    assert error.detail == "UnknownApiResponseError"


def test_a_missing_installation_names_the_command():
    code = (
        "import sys; sys.modules['google.genai'] = None\n"
        "sys.path.insert(0, 'tests')\n"
        "from fakes.gemini_talk import Talk\n"
        "from narrator.errors import PartMissing\n"
        "try: Talk('http://127.0.0.1:1').open()\n"
        "except PartMissing as error: print(type(error).__name__, error.sentence, error.remedy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == (
        "MissingDependency Gemini support is not installed. "
        f'Install it: {sys.executable} -m pip install "scene-narrator[gemini]"'
    ), done.stderr
    assert issubclass(errors.MissingDependency, PartMissing)


def test_every_error_has_words_of_its_own():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BackendError)}
    own = {kind for kind in kinds if kind.__module__ == errors.__name__}
    sentences = [errors.failure(kind, model="m", other="o", wait="2 seconds").sentence for kind in own]
    assert len(set(sentences)) == len(sentences)
    assert all(re.fullmatch(r"[A-Z].*\.", sentence) for sentence in sentences)


def failed_at(url):
    """What the first request to an address raises, or its opening."""
    talk = Talk(url).set(first_word_within=3.0, answer_within=4.0)
    try:
        return failed(talk)[0]
    finally:
        talk.close()


class _Server(HTTPServer):
    def __init__(self, status, headers, body):
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.status, self.headers, self.body, self.seen = status, headers, body, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Clients vanish on purpose."""


class _Exchange(BaseHTTPRequestHandler):
    def answer(self):
        self.server.seen.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_CONNECT = answer  # noqa: N815 - the names are http.server's

    def log_message(self, *_):
        """Quiet."""


@contextmanager
def server_that_answers(status, body=b"", **headers):
    server = _Server(status, headers, body)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def secure_server(folder, valid_from=-1, valid_to=1):
    """An https server with a certificate of its own, valid between two days; trusted only when it is out of date."""
    certificate, key = _certificate(folder, valid_from, valid_to)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            try:
                connection, _ = listening.accept()
                with connection, context.wrap_socket(connection, server_side=True):
                    pass
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    if valid_to < 0:
        os.environ["SSL_CERT_FILE"] = str(certificate)
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        os.environ.pop("SSL_CERT_FILE", None)
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def _certificate(folder, valid_from, valid_to):
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).add_extension(address, False)
    built = built.add_extension(x509.BasicConstraints(True, None), True)
    built = built.not_valid_before(now + timedelta(valid_from)).not_valid_after(now + timedelta(valid_to))
    (folder / "certificate.pem").write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "certificate.pem", folder / "key.pem"
