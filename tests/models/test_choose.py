"""Which files of a repository are taken."""

import pytest
from fakes.hub import COMMIT

from narrator.models.catalogue import catalogue
from narrator.models.choose import chosen, requested
from narrator.models.failures import ModelError
from narrator.models.hub import HubFile, Listing

REPOSITORY = "nobody/model"
PROJECTOR = ("mmproj-M-F16.gguf", 1)


def taken(*files, name=REPOSITORY):
    listing = Listing(REPOSITORY, COMMIT, tuple(HubFile(path, size) for path, size in files))
    return chosen(requested(name), listing, "hub.example.org")


def names(*files, name=REPOSITORY):
    return [file.path for file in taken(*files, name=name).files]


MANY = [(f"M-{quantisation}.gguf", 4_000_000_000) for quantisation in ("F16", "Q2_K", "Q4_K_M", "Q8_0")]


def test_of_many_quantisations_a_small_one_is_taken():
    assert names(*MANY, PROJECTOR) == ["M-Q4_K_M.gguf", "mmproj-M-F16.gguf"]


def test_of_a_small_model_a_finer_one_is_taken():
    assert names(("M-Q4_K_M.gguf", 200_000_000), ("M-Q8_0.gguf", 400_000_000), PROJECTOR)[0] == "M-Q8_0.gguf"


def test_the_user_may_name_one():
    assert names(*MANY, PROJECTOR, name=f"{REPOSITORY}:q2_k")[0] == "M-Q2_K.gguf"
    with pytest.raises(ModelError) as caught:
        taken(*MANY, PROJECTOR, name=f"{REPOSITORY}:Q6_K")
    assert "there is no Q6_K" in caught.value.sentence


def test_one_name_that_begins_another_is_not_taken_for_it():
    assert names(("M-Q4_K_S.gguf", 1), ("M-Q4_K.gguf", 1), PROJECTOR, name=f"{REPOSITORY}:Q4_K")[0] == "M-Q4_K.gguf"


def test_the_projector_is_the_finest_that_is_small():
    assert names(("M-F16.gguf", 5), ("mmproj-M-F32.gguf", 1), ("mmproj-M-Q8_0.gguf", 1))[1] == "mmproj-M-Q8_0.gguf"


def test_all_parts_of_a_model_in_parts_are_taken():
    parts = [(f"Q4_K_M/M-Q4_K_M-0000{n}-of-00003.gguf", 9) for n in (3, 1, 2)]
    choice = taken(*parts, ("Q8_0/M-Q8_0-00001-of-00009.gguf", 9_000_000_000), PROJECTOR)
    assert [file.name[-19:] for file in choice.files[:3]] == [f"-0000{n}-of-00003.gguf"[-19:] for n in (1, 2, 3)]
    assert choice.model == "M-Q4_K_M-00001-of-00003.gguf"


USELESS = [
    ([("M-Q8_0.gguf", 1)], "there is no mmproj file, so it cannot see"),
    ([PROJECTOR], "there is only a projector"),
    ([("weights.bin", 1)], "there is neither a GGUF file nor a config.json"),
    (
        [("M-Q8_0-00001-of-00003.gguf", 1), ("M-Q8_0-00003-of-00003.gguf", 1), PROJECTOR],
        "M-Q8_0-00002-of-00003.gguf is missing",
    ),
    ([("M-Q8_0-00002-of-00002.gguf", 1), PROJECTOR], "the first part of it is missing"),
    (
        [("config.json", 1), ("model-00002-of-00002.safetensors", 1)],
        "model-00001-of-00002.safetensors is missing",
    ),
    ([("config.json", 1), ("pytorch_model.bin", 1)], "its weights are not in safetensors"),
]


@pytest.mark.parametrize(("files", "reason"), USELESS)
def test_a_repository_without_a_model_for_us_says_why(files, reason):
    with pytest.raises(ModelError) as caught:
        taken(*files)
    assert caught.value.sentence == f"{REPOSITORY} holds no model that this program can run: {reason}."


def test_of_a_checkpoint_nothing_comes_that_could_run_code():
    held = ["config.json", "model.safetensors", "consolidated.safetensors", "code.py", "x.bin", "tokenizer.model", ".x"]
    choice = taken(*((name, 1) for name in held))
    assert choice.engine == "torch"
    assert [file.path for file in choice.files] == ["config.json", "model.safetensors", "tokenizer.model"]


def known(**changes):
    model = catalogue().models["smolvlm-500m"]
    files = [HubFile(file.name, file.size, changes.get(file.role, file.sha256)) for file in model.files]
    return chosen(requested(model.id), Listing(model.repository, COMMIT, tuple(files)), "hub.example.org")


def test_what_the_catalogue_pins_must_be_what_the_hub_has():
    assert known().told_by == "catalogue"
    with pytest.raises(ModelError) as caught:
        known(projector="0" * 64)
    assert caught.value.sentence.startswith("hub.example.org offers another mmproj-SmolVLM-500M-Instruct-Q8_0.gguf")


def test_what_the_catalogue_does_not_pin_is_found_by_its_pattern():
    model = catalogue().models["moondream-2"]
    listing = [("moondream2-text-model-f16_ct-vicuna.gguf", 7), ("moondream2-mmproj-f16-20250414.gguf", 8)]
    files = tuple(HubFile(path, size, "a" * 64) for path, size in listing)
    choice = chosen(requested(model.id), Listing(model.repository, COMMIT, files), "hub.example.org")
    assert (choice.model, choice.projector, choice.told_by) == (listing[0][0], listing[1][0], "hub")


HOST = catalogue().hub.partition("://")[2]
PAGES = [
    f"https://{HOST}/Nobody/Model",
    f"https://{HOST}/Nobody/Model/",
    f"https://{HOST}/Nobody/Model/tree/main?not-for-all-audiences=true",
    f" {HOST}/Nobody/Model#usage ",
    f"HTTPS://www.{HOST.title()}/Nobody/Model/blob/main/m.gguf",
]


@pytest.mark.parametrize("page", PAGES)
def test_the_address_of_a_page_is_understood(page):
    assert requested(page).name == requested(page).repository == "Nobody/Model"
    with pytest.raises(ModelError):
        requested(f"https://{HOST}.example.org/Nobody/Model")


def test_an_address_may_name_a_quantisation():
    request = requested(f"https://{HOST}/nobody/model:Q8_0")
    assert (request.repository, request.quantisation) == ("nobody/model", "Q8_0")
