"""What the window says of models, on machines of several kinds."""

from dataclasses import replace

import pytest

from narrator.models import recommend, store
from narrator.models.catalogue import catalogue, find
from narrator.models.failures import failure
from narrator.models.machine import Gpu, Machine
from narrator.models.recommend import Speed
from narrator_ui import model_shelf
from narrator_ui.model_shelf import Entry, about_machine, facts, row, spoken
from narrator_ui.model_tasks import told

POOR = Machine(1000, 500, 1)
STRONG = Machine(64_000, 60_000, 16, Gpu("A Card", 24_000, 23_000))


def entry(name: str, machine: Machine, **more) -> Entry:
    model = find(name)
    return Entry(name, model.title, model.engine, model, recommend.fit(model, machine), licence=model.licence, **more)


def test_what_does_not_fit_is_said():
    big = entry("qwen3-vl-8b", POOR)
    assert big.is_too_big
    assert "too big" in row(big)
    assert "does not fit into the memory" in spoken(big)


def test_a_graphics_card_is_named_and_nothing_is_claimed_that_was_not_measured():
    quick = entry("qwen3-vl-8b", STRONG)
    assert "live" in row(quick)
    assert "on the graphics card; this was not measured" in spoken(quick)
    assert "A Card" in about_machine(STRONG)
    assert "1 processor core, and no graphics card" in about_machine(POOR)


def test_every_licence_is_put_in_plain_words():
    for model in catalogue().models.values():
        licence = dict(facts(entry(model.id, POOR)))["Licence"]
        assert "paid work" in licence, model.licence


def test_a_licence_that_nobody_knows_is_named_as_it_is():
    odd = replace(entry("smolvlm-256m", POOR), licence="Own licence 7")
    assert dict(facts(odd))["Licence"] == "Own licence 7."


@pytest.mark.parametrize("speed", [Speed.LIVE, Speed.SLOW, Speed.QUESTIONS])
def test_each_speed_has_words(speed):
    known = entry("smolvlm-256m", STRONG)
    timed = replace(known, fit=replace(known.fit, speed=speed, on_gpu=False, seconds=1.2))
    assert "1 second" in row(timed)
    assert "about 1 second for a picture, as an estimate" in spoken(timed)


def test_what_is_half_here_under_a_name_of_the_users_can_be_seen():
    folder = store.models_folder() / "nobody--model"
    folder.mkdir(parents=True)
    (folder / "model.gguf.0123.part").write_bytes(b"x")
    torn = model_shelf.read().entries[-1]
    assert (torn.name, model_shelf.place(torn)) == ("nobody--model", "partly downloaded")
    assert spoken(torn) == "nobody--model. Partly downloaded."


FACTS = dict.fromkeys(
    [
        "host",
        "title",
        "repository",
        "file",
        "page",
        "tokens",
        "status",
        "done",
        "total",
        "folder",
        "name",
        "hint",
        "path",
    ],
    "x",
)


@pytest.mark.parametrize(
    "cause",
    [
        "gated",
        "not_accepted",
        "bad_token",
        "no_token",
        "no_repository",
        "busy",
        "broken",
        "unreachable",
        "cut",
        "disk_full",
        "damaged",
        "not_here",
        "no_projector",
        "only_projector",
        "taken",
    ],
)
def test_remedies_name_buttons_where_the_terminal_names_commands(cause):
    words = told(failure(cause, **FACTS))
    assert "scene-narrator" not in words
    assert "command" not in words
