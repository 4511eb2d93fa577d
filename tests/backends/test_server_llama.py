"""The backend against llama.cpp's own server and a model that names the colour it sees."""

import threading
import time

import cv2
import numpy as np
import pytest
from fakes.llama_server import LlamaServer
from fakes.server_talk import ServerTalk, prompt, run
from fakes.tiny_gguf import COLOURS
from fakes.waiting import eventually

from narrator.backends import _server_errors as errors
from narrator.messages import Delta, EncodedPicture, PromptPicture


def seen(colour, side=64):
    pixels = np.full((side, side, 3), COLOURS[colour][::-1], np.uint8)
    return PromptPicture(EncodedPicture(side, side, cv2.imencode(".jpg", pixels)[1].tobytes()), 0.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with LlamaServer(tmp_path_factory.mktemp("server"), "--key", "sk-1") as running:
        yield running


@pytest.fixture
def talk(server):
    talk = ServerTalk(server.url, key="sk-1")
    yield talk
    talk.close()


@pytest.mark.parametrize("colour", COLOURS)
def test_the_newest_picture_is_described(talk, colour):
    question = prompt("A second ago:", seen("green"), "Now:", seen(colour), "What is new?")
    assert talk.text(question).strip() == f"The scene is mostly {colour}."


def test_what_it_tells_of_itself(talk):
    able = talk.open()
    assert (able.prefix_cache, able.context_tokens, able.max_images) == (True, 4096, 8)
    assert talk.offered["server"] == ("tiny",)


def test_a_growing_history_is_mostly_cached(talk):
    parts, shares = [], []
    for number, colour in enumerate(["red", "green", "blue", "white", "black"]):
        parts += [f"At 0:0{number}:", seen(colour)]
        (usage,) = talk.usage(prompt(*parts))
        shares.append(usage.cached / usage.tokens_in)
    assert shares[-1] > 0.7
    assert usage.tokens_out == 7


def test_a_picture_costs_what_was_learnt(talk):
    talk.text(prompt("Now:", seen("red", 80)))
    (usage,) = talk.usage(prompt("Now:", seen("blue", 80)))
    assert talk.backend.token_cost(80, 80, "") == pytest.approx(usage.tokens_in, rel=0.25)


def test_a_context_that_is_too_small(tmp_path):
    with LlamaServer(tmp_path / "small", "--context", "512") as server:
        talk = ServerTalk(server.url)
        pictures = [seen("red", 80) for _ in range(8)]
        with pytest.raises(errors.ContextTooLong) as caught:
            talk.text(prompt(*pictures))
        assert caught.value.reopens
        assert talk.again().max_images == 4
        assert talk.text(prompt(*pictures[:4])).strip() == "The scene is mostly red."
        talk.close()


def test_a_wrong_key(server):
    talk = ServerTalk(server.url, key="sk-2")
    with pytest.raises(errors.AuthFailed) as caught:
        talk.open()
    assert caught.value.sentence == f"The server 127.0.0.1:{server.port} does not accept the key."
    talk.close()


def test_a_wrong_path(server):
    talk = ServerTalk(server.url.replace("/v1", "/api/v9"), key="sk-1")
    with pytest.raises(errors.WrongPath) as caught:
        talk.open()
    assert "but not under the path /api/v9" in caught.value.sentence
    talk.close()


def test_a_model_without_its_projector_cannot_see(tmp_path):
    with LlamaServer(tmp_path / "blind", "--blind") as server:
        talk = ServerTalk(server.url)
        with pytest.raises(errors.CannotSee) as caught:
            talk.open()
        assert "--mmproj" in caught.value.remedy
        talk.close()


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    with LlamaServer(tmp_path_factory.mktemp("endless"), "--endless") as server:
        talk = ServerTalk(server.url)
        yield talk
        talk.close()


def test_a_cancel_stops_it_and_the_next_is_answered_at_once(endless):
    endless.open()
    for _ in range(3):
        run_ = run()
        answer = endless.ask(prompt(seen("red"), max_tokens=3000), run_)
        assert isinstance(next(answer), Delta)
        thrown = time.monotonic()
        run_.cancel()
        assert not [part for part in answer if isinstance(part, Delta)]
        assert time.monotonic() - thrown < 0.1
    began = time.monotonic()
    with pytest.raises(errors.OutOfTokens):
        endless.text(prompt(seen("red"), max_tokens=20))
    assert time.monotonic() - began < 5


def test_an_endless_answer_is_cut_at_the_most_tokens(endless):
    with pytest.raises(errors.OutOfTokens):
        endless.text(prompt(seen("red"), max_tokens=40))


def test_killed_and_started_again(tmp_path):
    with LlamaServer(tmp_path / "server") as server:
        talk = ServerTalk(server.url)
        assert talk.text(prompt(seen("red"))).strip() == "The scene is mostly red."
        server.kill()
        with pytest.raises(errors.Unreachable):
            talk.text(prompt(seen("red")))
        with pytest.raises(errors.Unreachable):
            talk.again()
        server.start()
        assert eventually(lambda: talk.again().max_images)
        assert talk.text(prompt(seen("blue"))).strip() == "The scene is mostly blue."
        talk.close()


def test_several_narrators_share_one_server(tmp_path):
    """Each is answered while the others are, and each finds its own history in the cache."""
    colours = ["red", "green", "blue"]
    with LlamaServer(tmp_path / "shared", "--parallel", "3", "--context", "6144") as server:
        talks = {colour: ServerTalk(server.url) for colour in colours}
        heard, shares = [], []

        def narrate(colour):
            parts = []
            for number in range(4):
                parts += [f"At 0:0{number}:", seen(colour)]
                answer = list(talks[colour].ask(prompt(*parts, system=f"Narrator of {colour}.")))
                heard.append((colour, "".join(part.text for part in answer if isinstance(part, Delta)).strip()))
            shares.append(answer[-1].cached / answer[-1].tokens_in)

        threads = [threading.Thread(target=narrate, args=(colour,)) for colour in colours]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(heard) == sorted(
            (colour, f"The scene is mostly {colour}.") for colour in colours for _ in range(4)
        )
        assert min(shares) > 0.6
        for talk in talks.values():
            talk.close()
