"""Asks Gemini and reads its answer as it comes: text, pages, tokens, and how it ended."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from narrator.backends import _gemini_request as request
from narrator.backends._gemini_errors import (
    BadAnswer,
    Blocked,
    OutOfTokens,
    TimedOut,
    Truncated,
    VideoUnreadable,
    failure,
)
from narrator.backends._gemini_models import Model, catalogue
from narrator.backends._gemini_told import expected
from narrator.errors import BackendError
from narrator.messages import Citation, Delta, Prompt, PromptVideo, Run, Usage
from narrator.seams import Value

if TYPE_CHECKING:
    from google.genai import Client, types
    from google.genai.errors import APIError

_UPLOAD_WITHIN = 120.0
_LOOK_AGAIN = 1.0
_MEGABYTE = 1e6
_UNREADABLE = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "OTHER"}
"""Reasons to finish that say nothing about what is in the picture; the others but STOP and MAX_TOKENS do."""


async def answer(
    client: "Client", prompt: Prompt, model: Model, options: Mapping[str, Value]
) -> AsyncGenerator["types.GenerateContentResponse", None]:
    """The pieces of one answer. Raises `BackendError`, and what the client raises."""
    config = request.config(prompt, model, options)
    large = request.videos_to_upload(prompt, catalogue().max_request_mb * _MEGABYTE)
    async with _stored(client, large) as stored:
        contents = request.contents(prompt, model, stored)
        within = (float(options["gemini.first_word_within"]), float(options["gemini.answer_within"]))
        async for piece in _pieces(client, model.id, contents, config, *within):
            yield piece


class Reading:
    """What one answer has told so far. `pictures` are the tokens that the service counted for pictures, 0 if untold."""

    def __init__(self, run: Run, stops: Sequence[str]) -> None:
        self._run = run
        self._until = _Until(stops)
        self._finish = self._blocked = ""
        self._pages: set[str] = set()
        self.usage: Usage | None = None
        self.version = ""
        self.pictures = 0

    def take(self, piece: "types.GenerateContentResponse") -> Iterator[Delta | Citation]:
        """What is new in it; thoughts are not told."""
        self.version = piece.model_version or self.version
        self._count(piece.usage_metadata)
        if piece.prompt_feedback and piece.prompt_feedback.block_reason:
            self._blocked = piece.prompt_feedback.block_reason.value
        for candidate in (piece.candidates or ())[:1]:
            if candidate.finish_reason:
                self._finish = candidate.finish_reason.value
            yield from self._deltas(_text(candidate))
            yield from self._citations(candidate.grounding_metadata)

    def rest(self) -> Iterator[Delta | Usage]:
        """What was held back, and the tokens, at the end of the answer; after a cancel only the tokens so far."""
        if self._run.cancelled:
            yield from () if self.usage is None else (replace(self.usage, estimated=True),)
            return
        yield from (Delta(self._run, text) for text in (self._until.rest(),) if text)
        if self.usage is not None:
            yield self.usage

    def failure(self) -> BackendError | None:
        """Why the answer is not whole; None when it is."""
        if self._blocked:
            return failure(Blocked, f"prompt: {self._blocked}")
        if self._finish == "STOP" or self._until.reached:
            return None
        if not self._finish:
            return failure(Truncated, "no finish reason")
        if self._finish == "MAX_TOKENS":
            return failure(OutOfTokens, self._finish)
        return failure(BadAnswer if self._finish in _UNREADABLE else Blocked, f"answer: {self._finish}")

    def _deltas(self, text: str) -> Iterator[Delta]:
        text = self._until.feed(text)
        if text:
            yield Delta(self._run, text)

    def _citations(self, grounding: "types.GroundingMetadata | None") -> Iterator[Citation]:
        for chunk in (grounding.grounding_chunks if grounding else None) or ():
            if chunk.web and chunk.web.uri and chunk.web.uri not in self._pages:
                self._pages.add(chunk.web.uri)
                yield Citation(self._run, chunk.web.title or chunk.web.uri, chunk.web.uri)

    def _count(self, counts: "types.GenerateContentResponseUsageMetadata | None") -> None:
        if counts is None:
            return
        tokens_in = (counts.prompt_token_count or 0) + (counts.tool_use_prompt_token_count or 0)
        tokens_out = (counts.candidates_token_count or 0) + (counts.thoughts_token_count or 0)
        self.usage = Usage(self._run, tokens_in, tokens_out, counts.cached_content_token_count or 0)
        details = counts.prompt_tokens_details or ()
        self.pictures = sum(d.token_count or 0 for d in details if d.modality and d.modality.value == "IMAGE")


class _Until:
    """Lets text pass until one of the stops; what may be the beginning of one is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.reached = False

    def feed(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if self.reached:
            return ""
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self.reached = True
            return text[: min(places)]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """What was held back and turned out to be no stop."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """How many letters at the end of `text` are the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-n:])), 0)


def _text(candidate: "types.Candidate") -> str:
    parts = (candidate.content.parts if candidate.content else None) or ()
    return "".join(part.text for part in parts if part.text and not part.thought)


async def _pieces(
    client: "Client",
    model: str,
    contents: list["types.Content"],
    config: "types.GenerateContentConfig",
    first_word_within: float,
    answer_within: float,
) -> AsyncGenerator["types.GenerateContentResponse", None]:
    """The client has no deadline of its own but for each read, which a slow stream passes again and again."""
    from google.genai.errors import APIError

    first_word, whole = asyncio.timeout(first_word_within), asyncio.timeout(answer_within)
    try:
        async with whole, first_word:
            stream = await client.aio.models.generate_content_stream(model=model, contents=contents, config=config)
            async with aclosing(cast("AsyncGenerator[types.GenerateContentResponse, None]", stream)) as opened:
                async for piece in opened:
                    if any(_text(candidate) for candidate in piece.candidates or ()):
                        first_word.reschedule(None)
                    yield piece
    except TimeoutError as error:
        if not (first_word.expired() or whole.expired()):
            raise
        raise failure(TimedOut, "first word" if first_word.expired() else "total") from error
    except APIError as error:
        await _close_what_is_left(error)
        raise


async def _close_what_is_left(error: "APIError") -> None:
    """After an error in the middle of a stream the client holds on to the part that it has not read."""
    unread = getattr(error.response, "segment_iterator", None)
    if isinstance(unread, AsyncGenerator):
        await unread.aclose()


@asynccontextmanager
async def _stored(client: "Client", videos: Sequence[PromptVideo]) -> AsyncIterator[Mapping[str, str]]:
    """Keeps videos with the service for as long as this lasts: their addresses by path. Raises `VideoUnreadable`."""
    names: list[str] = []
    try:
        try:
            async with asyncio.timeout(_UPLOAD_WITHIN):
                addresses = {video.path: await _store(client, video, names) for video in videos}
        except (TimeoutError, KeyError) as error:
            raise failure(VideoUnreadable, f"upload: {error}") from error
        yield addresses
    finally:
        await _forget(client, names)


async def _store(client: "Client", video: PromptVideo, names: list[str]) -> str:
    stored = await client.aio.files.upload(file=video.path, config={"mime_type": video.mime_type})
    while stored.name and stored.state and stored.state.value == "PROCESSING":
        names.append(stored.name)
        await asyncio.sleep(_LOOK_AGAIN)  # the service tells nobody when it is ready
        stored = await client.aio.files.get(name=stored.name)
    names.append(stored.name or "")
    if not stored.uri or (stored.state and stored.state.value == "FAILED"):
        raise failure(VideoUnreadable, f"state {stored.state}")
    return stored.uri


async def _forget(client: "Client", names: Sequence[str]) -> None:
    for name in dict.fromkeys(filter(None, names)):
        with suppress(*expected()):
            await client.aio.files.delete(name=name)
