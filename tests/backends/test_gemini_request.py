"""What reaches the service: order, levels, roles, settings, and no key where it does not belong."""

import base64
import json

import pytest
from fakes.gemini_talk import JPEG, KEY, picture, prompt

from narrator.messages import Citation, Delta, PromptVideo, Turn

SCHEMA = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}


@pytest.fixture
def asked(talk, gemini_service):
    """Sends a prompt and returns what arrived."""

    def ask(question=None, model="", **settings):
        talk.set(**settings).open(model)
        talk.text(question)
        return gemini_service.last

    return ask


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    return path


def test_parts_keep_their_order_and_each_picture_its_level(asked):
    question = prompt(
        "8 seconds ago:", picture("low", 8), "2 seconds ago:", picture("low", 2), "Now:", picture("medium"), "Say it."
    )
    arrived = asked(question)
    parts = [part for part in arrived.parts if part.role == "user"]
    assert [part.text or part.level for part in parts] == [
        "8 seconds ago:",
        "LOW",
        "2 seconds ago:",
        "LOW",
        "Now:",
        "MEDIUM",
        "Say it.",
    ]
    assert arrived.system == "Say what you see."
    assert {part.data for part in arrived.pictures} == {JPEG}
    assert "mediaResolution" not in arrived.config


def test_before_three_one_level_holds_for_all(asked):
    arrived = asked(prompt(picture("low"), picture("medium")), "gemini-2.5-flash-lite")
    assert arrived.config["mediaResolution"] == "MEDIA_RESOLUTION_MEDIUM"
    assert not any("mediaResolution" in part for part in arrived.body["contents"][0]["parts"])


def test_up_to_two_nothing_is_said_of_levels(asked):
    arrived = asked(prompt(picture("low")), "gemini-2.0-flash")
    assert "mediaResolution" not in json.dumps(arrived.body)


def test_the_key_is_in_a_header_and_nowhere_else(asked):
    arrived = asked()
    assert arrived.headers["x-goog-api-key"] == KEY
    assert KEY not in arrived.path + json.dumps(arrived.body)
    assert arrived.path == "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("gemini-3.5-flash-lite", "auto", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash-lite", "high", {"thinkingLevel": "HIGH"}),
        ("gemini-3.8-flash", "auto", {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", "off", {"thinkingLevel": "LOW"}),
        ("gemini-2.5-flash-lite", "auto", {"thinkingBudget": 0}),
        ("gemini-2.5-flash-lite", "minimal", {"thinkingBudget": 1024}),
        ("gemini-2.0-flash", "high", None),
    ],
)
def test_it_thinks_as_little_as_allowed_or_as_wished(asked, model, wanted, sent):
    assert asked(model=model, thinking=wanted).config.get("thinkingConfig") == sent


@pytest.mark.parametrize(
    ("model", "settings", "tokens"),
    [
        ("gemini-3.5-flash-lite", {}, 60),
        ("gemini-3.5-flash-lite", {"max_tokens": 90}, 90),
        ("gemini-3.8-flash", {}, 512),
        ("gemini-2.5-flash-lite", {"thinking": "low"}, 1536),
    ],
)
def test_thoughts_have_room_beside_the_answer(asked, model, settings, tokens):
    assert asked(model=model, **settings).config["maxOutputTokens"] == tokens


def test_sampling_is_sent_only_to_a_model_that_honours_it(asked):
    wishes = {"temperature": 0.5, "top_p": 0.9, "top_k": 20}
    config = asked(model="gemini-3.5-flash", **wishes).config
    assert (config["temperature"], config["topP"], config["topK"]) == (0.5, 0.9, 20)
    config = asked(model="gemini-3.5-flash-lite", **wishes).config
    assert not {"temperature", "topP", "topK"} & set(config)


def test_what_is_not_set_is_not_sent(asked):
    arrived = asked(model="gemini-3.5-flash")
    assert set(arrived.config) == {"maxOutputTokens", "thinkingConfig"}
    assert set(arrived.body) == {"contents", "systemInstruction", "generationConfig"}


def test_safety_is_one_threshold_for_every_harm(asked):
    sent = asked(safety="block_only_high").body["safetySettings"]
    assert len(sent) == 4
    assert {entry["threshold"] for entry in sent} == {"BLOCK_ONLY_HIGH"}


def test_a_setting_counts_from_the_next_request_on(talk, gemini_service):
    talk.open("gemini-3.5-flash")
    for temperature in (0.1, 0.7):
        talk.set(temperature=temperature).text()
    assert [call.config["temperature"] for call in gemini_service.asked] == [0.1, 0.7]


def test_turns_have_their_roles_and_the_question_comes_last(asked):
    turns = (Turn("user", ("What is this?", picture("low"))), Turn("model", ("A cup.",)))
    arrived = asked(prompt("What colour?", turns=turns))
    assert [content["role"] for content in arrived.body["contents"]] == ["user", "model", "user"]
    assert arrived.body["contents"][1]["parts"] == [{"text": "A cup."}]
    assert len(arrived.pictures) == 1


class TestStops:
    def test_are_sent(self, asked):
        config = asked(model="gemini-3.5-flash", stop="END|\\n\\n").config
        assert config["stopSequences"] == ["END", "\n\n"]

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ("A dog runs. END of it", "A dog runs. "),
            ("A dog. E N D", "A dog. E N D"),
            ("A dog EN", "A dog EN"),
            ("END", ""),
        ],
    )
    def test_are_never_said(self, talk, gemini_service, answer, said):
        gemini_service.set(answer=answer)
        assert talk.set(stop="END").text() == said

    def test_are_found_across_pieces(self, talk, gemini_service):
        gemini_service.set(answer="A dog. # # # A cat.")
        assert talk.set(stop="# # #").text() == "A dog. "


class TestSearch:
    def test_is_for_questions_when_it_is_switched_on(self, talk, gemini_service):
        talk.set(search=True).open()
        pages = [part for part in talk.ask(prompt("What is it?", search=True)) if isinstance(part, Citation)]
        assert gemini_service.last.body["tools"] == [{"googleSearch": {}}]
        assert [(page.title, page.url) for page in pages] == [("A page", "https://example.org/page")]

    @pytest.mark.parametrize(("setting", "question"), [(False, True), (True, False)])
    def test_is_never_used_otherwise(self, asked, setting, question):
        assert "tools" not in asked(prompt("What is it?", search=question), search=setting).body


def test_an_answer_may_have_to_follow_a_schema(talk, gemini_service):
    gemini_service.set(answer='{"people": 2}')
    assert json.loads(talk.text(prompt("How many?", schema=SCHEMA))) == {"people": 2}
    config = gemini_service.last.config
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"] == SCHEMA


class TestVideo:
    def test_a_short_one_goes_with_the_request(self, asked, film):
        arrived = asked(prompt(PromptVideo(str(film), "video/mp4", 2.0), "What happens?"))
        part = arrived.body["contents"][0]["parts"][0]
        assert base64.urlsafe_b64decode(part["inlineData"]["data"]) == film.read_bytes()
        assert part["videoMetadata"] == {"fps": 2.0}

    def test_a_long_one_is_stored_for_as_long_as_it_is_needed(self, talk, gemini_service, film):
        with film.open("r+b") as file:
            file.truncate(16_000_000)
        assert talk.text(prompt(PromptVideo(str(film), "video/mp4"), "What happens?"))
        part = gemini_service.last.body["contents"][0]["parts"][0]
        assert part["fileData"]["fileUri"].endswith("/files/one")
        assert gemini_service.calls[-1].path.startswith("DELETE /v1beta/files/one")

    def test_a_missing_one_is_told(self, talk, film):
        from narrator.errors import BackendError

        film.unlink()
        with pytest.raises(BackendError, match="video cannot be read"):
            talk.text(prompt(PromptVideo(str(film), "video/mp4")))


def test_thoughts_are_not_told_but_counted(talk, gemini_service):
    gemini_service.set(thoughts=40, answer="A dog.", cached=12)
    parts = list(talk.ask())
    assert "".join(part.text for part in parts if isinstance(part, Delta)) == "A dog."
    usage = parts[-1]
    assert (usage.tokens_in, usage.tokens_out, usage.cached) == (
        gemini_service.last.usage["promptTokenCount"],
        42,
        12,
    )
    assert not usage.estimated
