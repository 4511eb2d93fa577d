"""Asks the real service, with the key in SCENE_NARRATOR_GEMINI_KEY: `pytest -m live`. It costs less than a cent."""

import os

import pytest
from fakes.gemini_talk import Talk, picture, prompt

from narrator.backends._gemini_models import catalogue

pytestmark = pytest.mark.live
MODELS = sorted(
    model.id for model in catalogue().models.values() if model.status == "current" and not model.live and model.prices
)


@pytest.fixture
def real():
    talk = Talk("", os.environ["SCENE_NARRATOR_GEMINI_KEY"])
    yield talk
    talk.close()


@pytest.mark.parametrize("model", MODELS)
def test_it_answers_and_counts_as_the_catalogue_says(real, model):
    real.open(model)
    before = real.backend.token_cost(600, 400, "low")
    assert real.text(prompt("Say in one short sentence what this is:", picture("low")))
    assert real.backend.token_cost(600, 400, "low") == before
