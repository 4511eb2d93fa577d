"""Asks a server and reads its answer as it comes: text, tokens, and how it ended."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from narrator.backends._chat import messages
from narrator.backends._reasoning import Reasoning
from narrator.backends._server_echo import Echo
from narrator.backends._server_errors import (
    BadAnswer,
    BadExtra,
    Blocked,
    Echoed,
    Endless,
    OnlyThoughts,
    OutOfTokens,
    TimedOut,
    Truncated,
    failure,
)
from narrator.backends._server_presets import Preset
from narrator.backends._server_told import Asked, Refused
from narrator.errors import BackendError
from narrator.messages import Delta, Prompt, Run, Usage
from narrator.seams import Value

if TYPE_CHECKING:
    import httpx2

Json = dict[str, Any]
_LONGEST_LINE = 1_000_000
"""Bytes of one event."""
_LONGEST_BODY = 65_536
"""Bytes that are read of a refusal."""
_LETTERS_A_TOKEN = 20
_LEAST_LETTERS = 2000
"""An answer with more letters than its tokens can have does not end by itself."""
_MOST_TOKENS = 1_000_000_000
_THOUGHT_BEGINS = re.compile(r"<think(ing)?>|<thought>|<reasoning>|\[think\]", re.IGNORECASE)
_THOUGHT_ENDS = re.compile(r"</think(ing)?>|</thought>|</reasoning>|\[/think\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Within:
    """Seconds to the first word, and to the end."""

    first_word: float
    answer: float


def body(prompt: Prompt, model: str, preset: Preset, options: Mapping[str, Value]) -> bytes:
    """The request as the server takes it. Raises `BadExtra`."""
    most, temperature = int(options["server.max_tokens"]), float(options["server.temperature"])
    told: Json = {preset.max_tokens_field: most or prompt.max_tokens}
    if temperature >= 0:
        told["temperature"] = temperature
    if prompt.schema is not None:
        schema = {"name": "answer", "schema": dict(prompt.schema)}
        told["response_format"] = {"type": "json_schema", "json_schema": schema}
    if preset.usage_in_stream:
        told["stream_options"] = {"include_usage": True}
    told |= {**preset.extra, **_extra(str(options["server.extra"]))}
    told |= {"model": model, "messages": messages(prompt, has_system=preset.system_prompt), "stream": True}
    return json.dumps(told).encode()


def _extra(text: str) -> Json:
    try:
        extra = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise failure(BadExtra, str(error)) from error
    if not isinstance(extra, dict):
        raise failure(BadExtra, type(extra).__name__)
    return extra


async def answer(
    client: "httpx2.AsyncClient", asked: Asked, content: bytes, within: Within, reading: "Reading"
) -> AsyncGenerator[Delta, None]:
    """The pieces of one answer. Raises `BackendError`, `Refused`, and what the client raises."""
    url = f"{asked.address.base}/chat/completions"
    first_word, whole = asyncio.timeout(within.first_word), asyncio.timeout(within.answer)
    try:
        async with whole, first_word, client.stream("POST", url, content=content) as response:
            reading.is_answered = True
            async with aclosing(_events(response)) as events:
                async for event in events:
                    for delta in reading.take(event):
                        yield delta
                    if reading.has_begun:
                        first_word.reschedule(None)
                    if reading.is_over:
                        return
    except TimeoutError as error:
        if not (first_word.expired() or whole.expired()):
            raise
        raise reading.too_late(asked) from error


class Reading:
    """What one answer has told so far; fed in the network's thread, read in the lane's when that has ended.

    `thinks` when it begins within a thought, as with templates that open one themselves; None when that is not known
    and the answer is kept until it shows.
    """

    def __init__(self, run: Run, prompt: Prompt, most_tokens: int, *, thinks: bool | None = False) -> None:
        self._run = run
        self._reasoning, self._echo = Reasoning(is_begun=bool(thinks)), Echo(prompt)
        self.thinks = thinks
        self._kept = ""
        self._most_letters = max(_LEAST_LETTERS, _LETTERS_A_TOKEN * most_tokens)
        self._letters = 0
        self._finish = ""
        self._has_thought = False
        self._is_done = False
        self.is_answered = False
        """The server's first line has come."""
        self.usage: Usage | None = None

    @property
    def has_spoken(self) -> bool:
        return self._letters > 0

    @property
    def has_begun(self) -> bool:
        """Words have come, though they may be kept until it is known what they are."""
        return self.has_spoken or bool(self._kept)

    @property
    def is_over(self) -> bool:
        """Nothing is to be read any more: the last event came, or more letters than there can be."""
        return self._is_done or self._letters > self._most_letters

    def take(self, event: Json | None) -> Iterator[Delta]:
        """What is new in an event; None is the last. Thoughts and a repeated prompt are not told."""
        if event is None:
            self._is_done = True
            return
        self._count(event)
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else {}
        if not isinstance(choice, dict):
            return
        self._finish = str(choice.get("finish_reason") or self._finish)
        told = choice.get("delta") or choice.get("message") or {}
        if isinstance(told, dict):
            self._has_thought |= any(told.get(name) for name in ("reasoning_content", "reasoning"))
            yield from self._deltas(self._spoken(_text(told.get("content"))))

    def rest(self) -> Iterator[Delta | Usage]:
        """What was held back, and the tokens, at the end of the answer; after a cancel only the tokens so far."""
        if self._run.cancelled:
            yield from () if self.usage is None else (replace(self.usage, estimated=True),)
            return
        text = self._let_go() + self._reasoning.flush()
        yield from self._deltas(self._echo.feed(text) + self._echo.rest())
        if self.usage is not None:
            yield self.usage

    def failure(self) -> BackendError | None:
        """Why the answer is not whole; None when it is."""
        if self._letters > self._most_letters:
            return failure(Endless, f"{self._letters} letters")
        if self._finish == "content_filter":
            return failure(Blocked, self._finish)
        if not self.has_spoken and self._echo.has_repeated:
            return failure(Echoed)
        if not self.has_spoken and (self._has_thought or self._finish == "length"):
            return failure(OnlyThoughts, self._finish)
        if self._finish == "length":
            return failure(OutOfTokens, self._finish)
        return None if self._finish or self._is_done else failure(Truncated, "no end")

    def too_late(self, asked: Asked) -> BackendError:
        """What a deadline that passed means."""
        if self.has_begun:
            return failure(Endless, "total")
        return failure(OnlyThoughts, "too late") if self._has_thought else failure(TimedOut, place=asked.address.place)

    def _spoken(self, text: str) -> str:
        """What of a text is neither a thought nor the prompt."""
        if self.thinks is None:
            self._kept += text
            return ""
        self._has_thought |= bool(text) and self.thinks
        return self._echo.feed(self._reasoning.feed(text))

    def _let_go(self) -> str:
        """What was kept of an answer, once it is known whether it began within a thought."""
        kept, self._kept = self._kept, ""
        if self.thinks is None:
            ends, begins = _THOUGHT_ENDS.search(kept), _THOUGHT_BEGINS.search(kept)
            self.thinks = ends is not None and (begins is None or begins.start() > ends.start())
            self._reasoning = Reasoning(is_begun=self.thinks)
        return self._reasoning.feed(kept)

    def _deltas(self, text: str) -> Iterator[Delta]:
        if text:
            self._letters += len(text)
            yield Delta(self._run, text)

    def _count(self, event: Json) -> None:
        usage, timings = _table(event, "usage"), _table(event, "timings")
        if usage:
            cached = _whole(_table(usage, "prompt_tokens_details"), "cached_tokens")
            tokens = (_whole(usage, "prompt_tokens"), _whole(usage, "completion_tokens"))
            self.usage = Usage(self._run, *tokens, min(cached or _whole(timings, "cache_n"), tokens[0]))
        elif timings:  # llama-server tells these in its last event, asked or not
            cached = _whole(timings, "cache_n")
            self.usage = Usage(self._run, _whole(timings, "prompt_n") + cached, _whole(timings, "predicted_n"), cached)


async def _events(response: "httpx2.Response") -> AsyncGenerator[Json | None, None]:
    """The events of a stream, or the one that a server sends which does not stream; None for the last."""
    kind = response.headers.get("content-type", "").lower()
    if response.status_code != 200 or "html" in kind:
        raise Refused(response.status_code, response.headers, await beginning(response))
    if "json" in kind:
        yield _checked(await beginning(response, _LONGEST_LINE), response)
        yield None
        return
    async with aclosing(_lines(response)) as lines:
        async for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                yield None
                return
            if data:
                yield _checked(data, response)


async def beginning(response: "httpx2.Response", most: int = _LONGEST_BODY) -> bytes:
    """What a body holds, up to so many bytes."""
    read = b""
    async with aclosing(_bytes(response)) as pieces:
        async for piece in pieces:
            read += piece
            if len(read) >= most:
                break
    return read[:most]


async def _lines(response: "httpx2.Response") -> AsyncGenerator[bytes, None]:
    held = b""
    async with aclosing(_bytes(response)) as pieces:
        async for piece in pieces:
            *lines, held = (held + piece).split(b"\n")
            for line in lines:
                yield line
            if len(held) > _LONGEST_LINE:
                raise failure(BadAnswer, "an event without an end")
    if held:
        yield held


async def _bytes(response: "httpx2.Response") -> AsyncGenerator[bytes, None]:
    pieces: AsyncIterator[bytes] = response.aiter_bytes()
    async for piece in pieces:
        yield piece


def _checked(data: bytes, response: "httpx2.Response") -> Json:
    """An event, which is no error."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise failure(BadAnswer, f"no JSON: {error}") from error
    if not isinstance(event, dict):
        raise failure(BadAnswer, f"no event: {type(event).__name__}")
    if event.get("error") or event.get("object") == "error":
        inner = event["error"] if isinstance(event.get("error"), dict) else event
        code = inner.get("code")
        raise Refused(code if isinstance(code, int) and 400 <= code < 600 else 500, response.headers, data)
    return event


def _text(content: object) -> str:
    """Plain text, or the texts of parts, as some servers send them."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""  # half a pair of UTF-16


def _table(event: Json, name: str) -> Json:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _whole(table: Json, name: str) -> int:
    """A number of tokens; 0 for what is none."""
    found = table.get(name)
    return min(max(0, found), _MOST_TOKENS) if isinstance(found, int) else 0
