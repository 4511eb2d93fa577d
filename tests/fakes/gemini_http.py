"""The fake Gemini service on the wire: paths of both front ends, server-sent events, and broken connections."""

import json
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from fakes.gemini_answers import event, grounding, withheld, words_of
from fakes.gemini_errors import HTML, Fault, complaint, error, refusal
from fakes.gemini_requests import Asked, Json, generation_of, parsed
from fakes.gemini_wire import Wire, WireServer

if TYPE_CHECKING:
    from fakes.gemini_service import GeminiService

_MODEL = re.compile(r"/(?P<version>v\w+)/(?:.*/)?models/(?P<model>[^/:]+)(?::(?P<verb>\w+))?$")
_KINDS = {"countTokens": "count", "generateContent": "generate", "streamGenerateContent": "generate"}


class GeminiHttp(WireServer):
    """Serves what its service answers."""

    def __init__(self, service: "GeminiService", port: int) -> None:
        super().__init__(port, _Exchange)
        self.service = service
        self.start()


class _Exchange(Wire):
    server: GeminiHttp

    @property
    def service(self) -> "GeminiService":
        return self.server.service

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        path = urlsplit(self.path)
        if path.path == "/report":
            since = parse_qs(path.query).get("since", ["0"])[0]
            return self.answer(200, self.service.report(int(since)))
        asked = self._arrive("GET", _method_of(path.path))
        return self._guarded(asked, self._get)

    def do_POST(self) -> None:  # noqa: N802 - the name is http.server's
        path = urlsplit(self.path).path
        if path == "/control":
            return self._control()
        if path == "/reset":
            self.body()
            self.service.reset()
            return self.answer(200, {})
        match = _MODEL.match(path)
        verb = match["verb"] if match else None
        asked = self._arrive("POST", verb or _method_of(path), match["model"] if match else "")
        return self._guarded(asked, self._generate if verb in _KINDS else self._post)

    def do_PATCH(self) -> None:  # noqa: N802 - the name is http.server's
        self._guarded(self._arrive("PATCH", "cachedContents"), lambda asked: self.answer(200, self._cache(asked)))

    def do_DELETE(self) -> None:  # noqa: N802 - the name is http.server's
        self._guarded(self._arrive("DELETE", _method_of(self.path)), lambda _: self.answer(200, {}))

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((timestamp or time.time()) + self.service.date_offset, usegmt=True)

    def _control(self) -> None:
        try:
            self.answer(200, self.service.control(json.loads(self.body() or b"{}")))
        except (TypeError, ValueError) as problem:
            self.answer(400, error(400, "INVALID_ARGUMENT", str(problem)))

    def _arrive(self, verb: str, method: str, model: str = "") -> Asked:
        raw = self.body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = self.path if verb == "POST" else f"{verb} {self.path}"
        return self.service.arrive(method, model, path, headers, parsed(raw), len(raw))

    def _guarded(self, asked: Asked, answer: Callable[[Asked], None]) -> None:
        try:
            if not self._refused(asked):
                answer(asked)
        except (ConnectionError, ValueError):  # a closed socket's file raises ValueError
            asked.aborted_at = time.monotonic()
            self.close_connection = True
        else:
            asked.finished_at = time.monotonic()
        finally:
            self.service.leave(asked)

    def _refused(self, asked: Asked) -> bool:
        """Send what stands in the way of any answer: a key, a model, a fault. True when something did."""
        fault = None if asked.method == "token" else self.service.take_fault(_KINDS.get(asked.method, asked.method))
        name = fault.name if fault else self._objection(asked)
        asked.fault = name
        refused = refusal(name, fault.retry if fault else 0, asked.model)
        if refused:
            # the streaming front end wraps an error in a list
            body = [refused[1]] if asked.method == "streamGenerateContent" else refused[1]
            self.answer(refused[0], body, asked)
        elif name == "503-html":
            self.answer(503, HTML, asked, "text/html; charset=UTF-8")
        elif fault and name == "hang":
            self.wait(fault.seconds)
            self.answer(504, error(504, "DEADLINE_EXCEEDED", "Deadline expired."), asked)
        elif name == "reset-before":
            self.reset()
        elif fault:
            self._broken(asked, fault)
        else:
            return False
        return True

    def _objection(self, asked: Asked) -> str:
        if asked.method == "token" or "upload_id" in asked.path:  # either address is a secret by itself
            return ""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        key = self.headers.get("x-goog-api-key") or bearer
        if not key:
            return "403-no-key"
        if self.service.key and key != self.service.key:
            return "401" if bearer else "400-key"
        return "404" if asked.model and asked.model not in self.service.models else ""

    def _broken(self, asked: Asked, fault: Fault) -> None:
        if asked.method == "streamGenerateContent":
            self._stream(asked, fault)
        else:
            self.answer(200, _one_answer_to(fault, asked), asked)

    def _generate(self, asked: Asked) -> None:
        match = _MODEL.match(urlsplit(self.path).path)
        version = match["version"] if match else ""
        if asked.method == "countTokens":
            return self.answer(200, {"totalTokens": asked.usage["promptTokenCount"]}, asked)
        if problem := complaint(generation_of(asked.model), asked.model, version, asked.body):
            body = error(400, "INVALID_ARGUMENT", problem)
            streamed = asked.method == "streamGenerateContent"
            return self.answer(400, [body] if streamed else body, asked)
        if asked.method == "streamGenerateContent":
            return self._stream(asked)
        return self._whole(asked)

    def _whole(self, asked: Asked) -> None:
        words = words_of(self.service, asked)
        self._look(asked)
        self.wait_until(asked.arrived_at + self.service.first_token + len(words) / self.service.rate)
        asked.text, asked.words = "".join(words).rstrip(" "), len(words)
        counts = self.service.count_words(asked, len(words))
        asked.first_word_at = time.monotonic()
        self.answer(200, self._closing(asked, asked.text, counts), asked)

    def _stream(self, asked: Asked, fault: Fault | None = None) -> None:
        words = words_of(self.service, asked)
        self._look(asked)
        self.wait_until(asked.arrived_at + self.service.first_token)
        asked.status = 200
        self.start_events()
        if fault and fault.name in ("empty", "prompt-block"):
            if fault.name == "prompt-block":
                self.event(withheld(asked.usage))
            return self.end_events()
        if self.service.thoughts:
            self.event(event(asked, "I look at it first.", self.service.count_words(asked, 0), thought=True))
        breaks_at = min(fault.after, len(words) - 1) if fault else -1
        step = max(1, self.service.chunk)
        for at in range(0, len(words), step):
            self.wait_until(asked.arrived_at + self.service.first_token + at / self.service.rate)
            if fault and at >= breaks_at:
                return self._break(asked, fault)
            self._say(asked, words[at : at + step], last=at + step >= len(words))
        return self.end_events()

    def _say(self, asked: Asked, words: list[str], *, last: bool) -> None:
        text = "".join(words)
        text = text.rstrip(" ") if last else text
        counts = self.service.count_words(asked, asked.words + len(words))
        self.event(self._closing(asked, text, counts) if last else self._named(event(asked, text, counts)))
        asked.words += len(words)
        asked.text += text
        if asked.first_word_at is None:
            asked.first_word_at = time.monotonic()
            self.service.tell(asked)

    def _closing(self, asked: Asked, text: str, counts: Json) -> Json:
        body = self._named(event(asked, text, counts, "STOP"))
        if any("googleSearch" in tool for tool in asked.body.get("tools") or ()):
            body["candidates"][0]["groundingMetadata"] = grounding(self.service.pages)
        return body

    def _named(self, body: Json) -> Json:
        return body | ({"modelVersion": self.service.model_version} if self.service.model_version else {})

    def _break(self, asked: Asked, fault: Fault) -> None:
        """What goes wrong in the middle of a stream."""
        if fault.name == "stall":
            self.wait(fault.seconds)
        elif fault.name == "reset":
            return self.reset()
        elif fault.name == "drop":
            return self.drop()
        elif fault.name == "garbage":
            self.event(b'{"candidates": [{"content": {"par')
        elif fault.name in ("error-in-stream", "safety", "max-tokens"):
            self.event(_one_answer_to(fault, asked))
        return self.end_events()

    def _look(self, asked: Asked) -> None:
        """Read the stamp of the newest picture."""
        if self.service.stamps and asked.pictures:
            from fakes.stamps import stamp_in

            asked.stamp = stamp_in(asked.pictures[-1].data)

    def _get(self, asked: Asked) -> None:
        path = urlsplit(self.path).path
        if asked.method == "cachedContents":
            return self.answer(200, self._cache(asked), asked)
        if asked.method == "files":
            return self.answer(200, _file(self.service.url), asked)
        if match := _MODEL.match(path):
            known = match["model"] in self.service.models
            body = _described(match["model"]) if known else (refusal("404", 0, match["model"]) or (0, {}))[1]
            return self.answer(200 if known else 404, body, asked)
        models = [_described(model) for model in self.service.models]
        return self.answer(200, {"publisherModels" if "publishers" in path else "models": models}, asked)

    def _post(self, asked: Asked) -> None:
        if asked.method == "token":
            return self.answer(200, {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}, asked)
        if asked.method == "cachedContents":
            return self.answer(200, self._cache(asked), asked)
        if asked.method == "files":
            return self._upload(asked)
        return self.answer(404, error(404, "NOT_FOUND", "Requested entity was not found."), asked)

    def _cache(self, asked: Asked) -> Json:
        name = f"cachedContents/cache-{asked.number}"
        tokens = asked.usage["promptTokenCount"]
        self.service.used[name] = tokens
        return {"name": name, "model": asked.body.get("model", ""), "usageMetadata": {"totalTokenCount": tokens}}

    def _upload(self, asked: Asked) -> None:
        if "start" in self.headers.get("X-Goog-Upload-Command", ""):
            headers = {"X-Goog-Upload-URL": f"{self.service.url}/upload/v1beta/files?upload_id=1"}
            return self.answer(200, {}, asked, **{**headers, "X-Goog-Upload-Status": "active"})
        return self.answer(200, {"file": _file(self.service.url)}, asked, **{"X-Goog-Upload-Status": "final"})


def _method_of(path: str) -> str:
    """Which collection a path is about."""
    return next((name for name in ("cachedContents", "files", "token", "models") if name in path), "unknown")


def _one_answer_to(fault: Fault, asked: Asked) -> Any:
    """How a fault looks as one answer, or as the last event of a stream."""
    if fault.name == "garbage":
        return b"<!doctype html>{"
    if fault.name == "error-in-stream":
        return (refusal("503", 0) or (0, {}))[1]
    if fault.name == "prompt-block":
        return withheld(asked.usage)
    if fault.name == "empty":
        return {}
    names = {"safety": "SAFETY", "max-tokens": "MAX_TOKENS"}
    return event(asked, "", asked.usage, names.get(fault.name, "OTHER"))


def _described(model: str) -> Json:
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model.replace("-", " ").title(),
        "inputTokenLimit": 1048576,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent"],
        "thinking": True,
    }


def _file(url: str) -> Json:
    uri = f"{url}/v1beta/files/one"
    return {"name": "files/one", "uri": uri, "mimeType": "video/mp4", "state": "ACTIVE", "sizeBytes": "1"}
