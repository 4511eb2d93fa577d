"""The fake Gemini service, met through the vendor's own client."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest
from fakes.gemini_service import GeminiService
from google import genai
from google.genai import errors, types

MODEL = "gemini-3.5-flash-lite"
_PROGRAM = Path(__file__).parent / "fakes" / "gemini_service.py"


def _client(service: GeminiService, version: str = "v1beta", key: str = "test") -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=service.url, api_version=version))


@pytest.fixture
def client(gemini_service: GeminiService) -> Iterator[genai.Client]:
    client = _client(gemini_service)
    yield client
    client.close()


def _picture(width: int, height: int, level: str = "") -> types.Part:
    jpeg = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()
    part = types.Part.from_bytes(data=jpeg, mime_type="image/jpeg")
    if level:
        part.media_resolution = types.PartMediaResolution(level=types.PartMediaResolutionLevel[level])
    return part


def _chunks(client: genai.Client, *parts: types.Part | str, model: str = MODEL) -> list[types.GenerateContentResponse]:
    return list(client.models.generate_content_stream(model=model, contents=list(parts) or ["What is there?"]))


def _text(chunks: list[types.GenerateContentResponse]) -> str:
    return "".join(chunk.text or "" for chunk in chunks)


def test_streams_the_text_that_was_set(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.set(answer="A man walks in. He sits down.")
    chunks = _chunks(client)
    assert _text(chunks) == "A man walks in. He sits down."
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert gemini_service.last.text == "A man walks in. He sits down."


def test_answers_in_turn_by_a_function_or_made_up(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.set(answer=lambda asked: f"You said: {asked.prompt_text}")
    assert client.models.generate_content(model=MODEL, contents="hello").text == "You said: hello"
    gemini_service.set(answer=None, tokens=9)
    first, second = _text(_chunks(client)), _text(_chunks(client))
    assert len(first.split()) == 9
    assert first != second


def test_keeps_to_its_times(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.set(first_token=0.2, rate=20, tokens=5)
    asked_at = time.monotonic()
    _chunks(client)
    asked = gemini_service.last
    assert asked.first_word_at - asked.arrived_at == pytest.approx(0.2, abs=0.05)
    assert time.monotonic() - asked_at >= 0.4


def test_counts_tokens_by_the_rule_of_the_model_s_generation(
    gemini_service: GeminiService, client: genai.Client
) -> None:
    for model, tokens in (
        (MODEL, 280 + 1120),
        ("gemini-2.0-flash", 258 + 1548),
    ):
        level = "MEDIA_RESOLUTION_LOW" if model == MODEL else ""
        usage = _chunks(client, _picture(384, 216, level), _picture(1920, 1080), "?", model=model)[-1].usage_metadata
        image = next(row for row in usage.prompt_tokens_details if row.modality == types.MediaModality.IMAGE)
        assert image.token_count == tokens
        assert usage.candidates_token_count == 12
    assert gemini_service.asked[0].levels == ["LOW", ""]
    assert [(part.width, part.height) for part in gemini_service.last.pictures] == [(384, 216), (1920, 1080)]


def test_counts_without_answering(gemini_service: GeminiService, client: genai.Client) -> None:
    assert client.models.count_tokens(model=MODEL, contents=[_picture(100, 100), "a" * 40]).total_tokens == 1130
    assert gemini_service.asked == []
    assert gemini_service.calls[-1].method == "countTokens"


def test_tells_what_was_cached(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.set(cache_from=2000)
    old, new = _picture(384, 216), _picture(385, 216)
    assert _chunks(client, old, old, "?")[-1].usage_metadata.cached_content_token_count is None
    assert _chunks(client, old, old, new, "?")[-1].usage_metadata.cached_content_token_count == 2240
    assert _chunks(client, new, old, old, "?")[-1].usage_metadata.cached_content_token_count is None


def test_an_explicit_cache_is_counted(gemini_service: GeminiService, client: genai.Client) -> None:
    cache = client.caches.create(model=MODEL, config=types.CreateCachedContentConfig(contents=["a" * 400]))
    config = types.GenerateContentConfig(cached_content=cache.name)
    usage = client.models.generate_content(model=MODEL, contents="hello", config=config).usage_metadata
    assert usage.cached_content_token_count == 100
    client.caches.delete(name=cache.name)


def test_lists_its_models(client: genai.Client) -> None:
    assert f"models/{MODEL}" in [model.name for model in client.models.list()]
    assert client.models.get(model=MODEL).input_token_limit == 1048576
    with pytest.raises(errors.ClientError) as raised:
        client.models.get(model="gemini-1.0-pro")
    assert raised.value.code == 404


def test_thoughts_come_apart_and_another_model_may_answer(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.set(thoughts=30, model_version="gemini-9-flash", answer="Yes.")
    chunks = _chunks(client)
    assert chunks[0].candidates[0].content.parts[0].thought
    assert _text(chunks) == "Yes."
    assert chunks[-1].usage_metadata.thoughts_token_count == 30
    assert chunks[-1].model_version == "gemini-9-flash"


def test_a_search_brings_pages(client: genai.Client) -> None:
    config = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
    stream = client.models.generate_content_stream(model=MODEL, contents="Who?", config=config)
    page = list(stream)[-1].candidates[0].grounding_metadata.grounding_chunks[0].web
    assert (page.title, page.uri) == ("A page", "https://example.org/page")


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        ("400-key", 400, errors.ClientError),
        ("400-region", 400, errors.ClientError),
        ("401", 401, errors.ClientError),
        ("403", 403, errors.ClientError),
        ("404", 404, errors.ClientError),
        ("429", 429, errors.ClientError),
        ("429-day", 429, errors.ClientError),
        ("500", 500, errors.ServerError),
        ("503", 503, errors.ServerError),
        ("503-html", 503, errors.ServerError),
        ("504", 504, errors.ServerError),
        ("error-in-stream", 503, errors.APIError),
    ],
)
def test_refuses_as_the_real_one(
    gemini_service: GeminiService, client: genai.Client, fault: str, code: int, kind: type[errors.APIError]
) -> None:
    gemini_service.fail(fault)
    with pytest.raises(kind) as raised:
        _chunks(client)
    assert raised.value.code == code
    assert gemini_service.last.fault == fault
    assert _text(_chunks(client))


def test_a_quota_says_which_and_how_long(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.fail("429", retry=2.5)
    with pytest.raises(errors.ClientError) as raised:
        _chunks(client)
    details = {row["@type"].rpartition(".")[2]: row for row in raised.value.details["error"]["details"]}
    assert details["RetryInfo"]["retryDelay"] == "2.5s"
    assert "PerMinute" in details["QuotaFailure"]["violations"][0]["quotaId"]


@pytest.mark.parametrize("fault", ["drop", "reset", "reset-before"])
def test_a_connection_that_breaks_raises(gemini_service: GeminiService, client: genai.Client, fault: str) -> None:
    gemini_service.fail(fault)
    with pytest.raises(httpx2.HTTPError):
        _chunks(client)
    assert _text(_chunks(client))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("cut", None), ("safety", types.FinishReason.SAFETY), ("max-tokens", types.FinishReason.MAX_TOKENS)],
)
def test_an_answer_ends_too_soon(
    gemini_service: GeminiService, client: genai.Client, fault: str, reason: types.FinishReason | None
) -> None:
    gemini_service.set(answer="one two three four five six")
    gemini_service.fail(fault, after=3)
    chunks = _chunks(client)
    assert _text(chunks) == "one two three "
    assert chunks[-1].candidates[0].finish_reason == reason


def test_nothing_or_no_sense_or_a_blocked_prompt(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.fail("empty")
    assert _text(_chunks(client)) == ""
    gemini_service.fail("garbage")
    with pytest.raises(errors.UnknownApiResponseError):
        _chunks(client)
    gemini_service.fail("prompt-block")
    assert _chunks(client)[0].prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


@pytest.mark.parametrize(("fault", "words"), [("hang", 0), ("stall", 4)])
def test_notices_when_the_client_leaves(gemini_service: GeminiService, fault: str, words: int) -> None:
    gemini_service.fail(fault)
    options = types.HttpOptions(base_url=gemini_service.url, timeout=300)
    client = genai.Client(api_key="test", http_options=options)
    with pytest.raises(httpx2.TimeoutException):
        _chunks(client)
    client.close()
    assert gemini_service.wait_for(lambda asked: asked and asked[-1].aborted_at)
    assert gemini_service.last.aborted_after == pytest.approx(0.3, abs=0.2)
    assert gemini_service.last.words == words


def test_refuses_what_the_real_one_refuses(gemini_service: GeminiService, client: genai.Client) -> None:
    for config, contents in (
        (types.GenerateContentConfig(frequency_penalty=0.5), "hello"),
        (None, [types.UserContent("hello"), types.ModelContent("I see")]),
        (
            types.GenerateContentConfig(thinking_config=types.ThinkingConfig(thinking_level="LOW", thinking_budget=1)),
            "?",
        ),
    ):
        with pytest.raises(errors.ClientError, match="400"):
            client.models.generate_content(model=MODEL, contents=contents, config=config)
    with pytest.raises(errors.ClientError, match="404"):
        client.models.generate_content(model="gemini-1.5-flash", contents="?")
    older = _client(gemini_service, "v1")
    with pytest.raises(errors.ClientError, match="per part"):
        older.models.generate_content(model=MODEL, contents=[_picture(100, 100, "MEDIA_RESOLUTION_LOW")])
    older.close()


def test_knows_one_key(gemini_service: GeminiService, client: genai.Client) -> None:
    gemini_service.set(key="right")
    with pytest.raises(errors.ClientError, match="API key not valid"):
        _chunks(client)
    right = _client(gemini_service, key="right")
    assert _text(_chunks(right))
    right.close()


def test_speaks_as_vertex(gemini_service: GeminiService) -> None:
    options = types.HttpOptions(base_url=gemini_service.url)
    client = genai.Client(enterprise=True, api_key="express", http_options=options)
    assert _text(_chunks(client))
    assert client.models.count_tokens(model=MODEL, contents="a" * 8).total_tokens == 2
    client.close()
    assert "/publishers/google/models/" in gemini_service.last.path


def test_takes_a_video_file(gemini_service: GeminiService, client: genai.Client, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not really a film")
    file = client.files.upload(file=path)
    assert file.state == types.FileState.ACTIVE
    assert _text(_chunks(client, file, "What happens?"))
    assert [part.kind for part in gemini_service.last.parts] == ["video", "text"]


def test_comes_back_on_the_same_port(gemini_service: GeminiService, client: genai.Client) -> None:
    url = gemini_service.url
    gemini_service.stop()
    with pytest.raises(httpx2.ConnectError):
        _chunks(client)
    gemini_service.start()
    assert gemini_service.url == url
    assert _text(_chunks(client))


def test_counts_what_is_in_flight(gemini_service: GeminiService) -> None:
    gemini_service.set(first_token=0.3)
    clients = [_client(gemini_service) for _ in range(3)]
    threads = [threading.Thread(target=_chunks, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert sorted(asked.in_flight for asked in gemini_service.asked) == [0, 1, 2]


def test_runs_as_a_program() -> None:
    command = [sys.executable, str(_PROGRAM), "--control", '{"answer": "Here."}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        wishes = json.dumps({"fault": "429", "retry": 1, "on": "generate", "tokens": 5}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/control", wishes)) as answer:  # noqa: S310 - ours
            assert json.load(answer)["faults"][0]["name"] == "429"
        client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url))
        with pytest.raises(errors.ClientError):
            _chunks(client, _picture(100, 80))
        assert _text(_chunks(client)) == "Here."
        client.close()
        with urllib.request.urlopen(f"{url}/report") as answer:  # noqa: S310 - ours
            first, second = json.load(answer)["requests"]
        process.terminate()
    assert (first["status"], first["fault"], second["status"]) == (429, "429", 200)
    assert first["pictures"][0]["width"] == 100
    assert second["text"] == "Here."
