"""A model server of our own on loopback that speaks OpenAI's protocol as many servers do, and every way to fail.

In a test: `with OpenAIService(first_token=0.2) as service:` or the fixture `openai_service`; `service.fail("429")`
makes the next request for an answer fail. As a process: `python tests/fakes/openai_service.py --port 0` prints its
address.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

if __name__ == "__main__":  # as a program it lies outside the tests' path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.gemini_wire import Wire, WireServer
from fakes.openai_faults import FAULTS, REFUSALS, Fault, Json

MODEL = "tiny-vl"


@dataclass
class Call:
    """One request as it arrived, and what became of it."""

    path: str
    headers: dict[str, str]
    body: Json
    size: int
    at: float
    in_flight: int
    """Other requests for an answer that were not over."""
    aborted_at: float | None = None

    @property
    def is_answer(self) -> bool:
        return self.path.endswith("/chat/completions")

    @property
    def texts(self) -> list[str]:
        parts = [part for message in self.body.get("messages", ()) for part in _parts(message)]
        return [part["text"] for part in parts if part["type"] == "text"]

    @property
    def pictures(self) -> list[str]:
        """Their data URIs."""
        parts = [part for message in self.body.get("messages", ()) for part in _parts(message)]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def _parts(message: Json) -> list[Json]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


@dataclass
class OpenAIService:
    """The service, at `url`; every field may be changed while it runs."""

    answer: str | Callable[[Call], str] = "A red ball rolls over the green grass."
    finish: str = "stop"
    """Why it says that its answers end."""
    thought: str = ""
    """What comes before it in the field `reasoning_content`."""
    first_token: float = 0.0
    rate: float = 1000.0
    """Words a second."""
    models: Sequence[Json] = ({"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 8192},)
    key: str = ""
    """The one key that is accepted; empty for any and none."""
    usage: str = "asked"
    """When it tells tokens: "asked" with stream_options, "always", "never", "timings" as llama-server does."""
    tokens_a_picture: int = 100
    cached: int = 0
    streams: bool = True
    ends: bool = True
    """A stream ends with [DONE]."""
    reply: Json | None = None
    """Sent as it is in place of an answer."""
    listed: Json | None = None
    """The same in place of the list of models."""
    asleep_until: float = 0.0
    """Until this time (monotonic) everything is answered with `sleeps`."""
    sleeps: str = "503"
    port: int = 0
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._in_flight = 0
        self._http: _Http | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def asked(self) -> list[Call]:
        """The requests for an answer."""
        with self._changed:
            return [call for call in self.calls if call.is_answer]

    @property
    def last(self) -> Call:
        return self.asked[-1]

    def start(self) -> None:
        """Listen; after `stop` on the same port as before."""
        self._http = _Http(self, self.port)
        self.port = self._http.server_port

    def stop(self) -> None:
        """Drop every connection and listen no more, as a server that was killed."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail(self, name: str, **numbers: Any) -> None:
        """Let the next requests fail; the fields of `Fault` say how often and how. Faults queue up."""
        assert name in FAULTS
        with self._changed:
            self._faults.append(Fault(name, **numbers))

    def mend(self) -> None:
        with self._changed:
            self._faults.clear()

    def wait_for(self, condition: Callable[[list[Call]], object], timeout: float = 10.0) -> bool:
        """True as soon as the requests for an answer fulfil a condition, False when they do not in time."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: condition(self.asked), timeout))

    def take_fault(self, kind: str) -> Fault | None:
        with self._changed:
            for place, fault in enumerate(self._faults):
                if fault.on not in (kind, "all"):
                    continue
                if fault.times == 1:
                    del self._faults[place]
                elif fault.times > 1:
                    self._faults[place] = Fault(**{**vars(fault), "times": fault.times - 1})
                return fault
        return None

    def arrive(self, call: Call) -> None:
        with self._changed:
            call.in_flight = self._in_flight
            self._in_flight += call.is_answer
            self.calls.append(call)
            self._changed.notify_all()

    def leave(self, call: Call) -> None:
        with self._changed:
            self._in_flight -= call.is_answer
            self._changed.notify_all()


class _Http(WireServer):
    def __init__(self, service: OpenAIService, port: int) -> None:
        super().__init__(port, _Exchange)
        self.service = service
        self.start()


class _Exchange(Wire):
    server: _Http

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        self._exchange("models", self._list)

    def do_POST(self) -> None:  # noqa: N802 - the name is http.server's
        self._exchange("chat", self._answer)

    @property
    def service(self) -> OpenAIService:
        return self.server.service

    def _exchange(self, kind: str, answer: Callable[[Call], None]) -> None:
        raw = self.body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(urlsplit(self.path).path, headers, json.loads(raw or b"{}"), len(raw), time.monotonic(), 0)
        self.service.arrive(call)
        try:
            if not self._refused(kind):
                answer(call)
        except (ConnectionError, ValueError):  # a closed socket's file raises ValueError
            call.aborted_at = time.monotonic()
            self.close_connection = True
        finally:
            self.service.leave(call)

    def _refused(self, kind: str) -> bool:
        """Whether something stands in the way of any answer, which is then sent."""
        name, retry = self._objection(kind), ""
        fault = None if name else self.service.take_fault(kind)
        if fault:
            name, retry = fault.name, fault.retry
        if name in REFUSALS:
            refusal = REFUSALS[name]
            more = {"Retry-After": retry} if retry else {}
            self.answer(refusal.code, refusal.body, kind=refusal.kind, **more)
        elif name in ("redirect", "redirect-far"):
            host = "elsewhere.example" if name == "redirect-far" else f"127.0.0.1:{self.service.port}"
            self.answer(308, b"", Location=f"https://{host}/v2{self.path}?key=secret")
        elif fault:
            return self._broken(fault)
        return bool(name)

    def _objection(self, kind: str) -> str:
        if time.monotonic() < self.service.asleep_until:
            return self.service.sleeps
        if self.service.key and self.headers.get("Authorization") != f"Bearer {self.service.key}":
            return "401"
        return "" if self.path.startswith("/v1/") else "404-path"

    def _broken(self, fault: Fault) -> bool:
        if fault.name == "hang":
            self.wait(fault.seconds)
            self.drop()
            return True
        if fault.name == "reset-before":
            self.reset()
            return True
        self.start_events()
        if fault.name == "endless-line":
            self._flood(b"x" * 65_536, b"data: ")
        elif fault.name == "flood":
            self._flood(_event("word " * 200))
        elif fault.name == "endless":
            for number in count():
                self._send(_delta(f"word{number} "))
                self.wait(0.02)
        else:
            self._break_off(fault)
        return True

    def _flood(self, piece: bytes, first: bytes = b"") -> None:
        self.connection.settimeout(20)
        self._chunk(first + piece)
        while True:
            self._chunk(piece)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _break_off(self, fault: Fault) -> None:
        words = ["one ", "two ", "three ", "four ", "five "][: 0 if fault.name == "empty" else fault.after]
        for word in words:
            self._send(_delta(word))
        if fault.name == "stall":
            self.wait(fault.seconds)
            self.drop()
        elif fault.name == "drop":
            self.drop()
        elif fault.name == "garbage":
            self.event(b"{not json")
            self.end_events()
        elif fault.name == "error-in-stream":
            self.event({"error": {"message": "EngineCore died", "type": "server_error", "code": 500}})
            self.end_events()
        else:
            reasons = {"length": "length", "filter": "content_filter"}
            if fault.name in reasons:
                self._send(_delta("", reasons[fault.name]))
                self.event(b"[DONE]")
            self.end_events()

    def _list(self, _: Call) -> None:
        self.answer(200, self.service.listed or {"object": "list", "data": list(self.service.models)})

    def _answer(self, call: Call) -> None:
        service = self.service
        if service.reply is not None:
            return self.answer(200, service.reply)
        text = service.answer(call) if callable(service.answer) else service.answer
        words = [word + " " for word in text.split(" ")] if text else []
        counts = _usage(call, len(words), service)
        if not (service.streams and call.body.get("stream")):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": service.finish}
            return self.answer(200, {"object": "chat.completion", "choices": [choice], "usage": counts})
        self.start_events()
        self.wait(service.first_token)
        self._send({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None})
        for word in service.thought.split():
            self._send({"index": 0, "delta": {"reasoning_content": word + " "}, "finish_reason": None})
        for word in words:
            self._send(_delta(word))
            self.wait(1 / service.rate)
        last = {"object": "chat.completion.chunk", "choices": [_delta("", service.finish)]}
        self.event(last | ({"timings": _timings(counts)} if service.usage == "timings" else {}))
        is_asked = (call.body.get("stream_options") or {}).get("include_usage")
        if service.usage == "always" or (service.usage == "asked" and is_asked):
            self.event({"object": "chat.completion.chunk", "choices": [], "usage": counts})
        if service.ends:
            self.event(b"[DONE]")
        return self.end_events()

    def _send(self, choice: Json) -> None:
        self.event({"id": "x", "object": "chat.completion.chunk", "choices": [choice]})


def _delta(text: str, finish: str | None = None) -> Json:
    return {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}


def _event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [_delta(text)]}).encode() + b"\n\n"


def _usage(call: Call, words: int, service: OpenAIService) -> Json:
    tokens = sum(map(len, call.texts)) // 4 + service.tokens_a_picture * len(call.pictures)
    counts: Json = {"prompt_tokens": tokens, "completion_tokens": words, "total_tokens": tokens + words}
    return counts | ({"prompt_tokens_details": {"cached_tokens": service.cached}} if service.cached else {})


def _timings(counts: Json) -> Json:
    cached = counts.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return {
        "cache_n": cached,
        "prompt_n": counts["prompt_tokens"] - cached,
        "predicted_n": counts["completion_tokens"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A model server of our own on loopback.")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with OpenAIService(port=options.port) as service:
        print(service.url, flush=True)  # noqa: T201 - whoever started it waits for this
        threading.Event().wait()


if __name__ == "__main__":
    main()
