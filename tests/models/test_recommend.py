"""Which model suits which machine."""

import os
import sys

import pytest

from narrator.models.catalogue import catalogue, find, nearest
from narrator.models.machine import Gpu, Machine, look
from narrator.models.recommend import Speed, advise, fit, seconds_on_processor

LAPTOP = Machine(ram_mb=16_000, free_ram_mb=12_000, cores=4)
POOR = Machine(ram_mb=2000, free_ram_mb=700, cores=2)


def with_card(free_mb, name="NVIDIA GeForce RTX 4070"):
    return Machine(32_000, 24_000, 8, Gpu(name, 12_000, free_mb))


def test_a_large_card_gets_the_best_model_that_fits():
    advice = advise(with_card(11_500))
    assert advice.model.id == "qwen3-vl-8b"
    assert advice.reason.startswith("It needs about 6.6 GB of the 11.5 GB that are free on NVIDIA GeForce RTX 4070")
    assert "was not measured on such a card" in advice.reason


def test_what_else_is_on_the_card_counts():
    assert advise(with_card(5000)).model.memory_mb * 1.1 <= 5000
    assert advise(with_card(1300)).model.id == "smolvlm-256m"


def test_a_card_that_is_full_leaves_the_processor():
    advice = advise(with_card(100))
    assert advice.model.id == "smolvlm-256m"
    assert "No model fits the graphics card. On 8 cores it takes about" in advice.reason


def test_without_a_card_it_is_said_what_each_costs():
    advice = advise(LAPTOP)
    assert advice.model.id == "smolvlm-256m"
    assert "too slow to narrate live" in advice.reason
    assert "The built-in describer narrates at once" in advice.reason
    seconds = {found.model.id: found.seconds for found in advice.fits if found.speed is not Speed.TOO_BIG}
    assert min(seconds.values()) == seconds["smolvlm-256m"]
    assert all(value > 0 for value in seconds.values())


def test_many_cores_may_be_enough_to_narrate():
    advice = advise(Machine(64_000, 60_000, 32))
    assert "enough to describe live" in advice.reason
    nine = {found.model.id: found.seconds for found in advise(Machine(64_000, 60_000, 9)).fits}
    most = {found.model.id: found.seconds for found in advice.fits}
    assert nine["smolvlm-256m"] == most["smolvlm-256m"]  # llama.cpp takes no more threads


def test_with_little_memory_nothing_is_recommended():
    advice = advise(POOR)
    assert advice.model is None
    assert advice.reason == "Of 2.0 GB of memory only 700 MB are free."


def test_no_model_is_recommended_whose_terms_must_be_accepted():
    for free in range(1000, 60_000, 500):
        model = advise(with_card(free)).model
        assert model is None or not model.gated


def test_the_reckoning_is_that_of_the_measurement():
    """7.6 CPU-seconds were measured for the picture of two tiles alone, and 77 tokens a second."""
    assert seconds_on_processor(find("smolvlm-256m"), 1) == pytest.approx(9.5, abs=1.5)


def test_a_model_that_does_not_fit_says_so():
    assert fit(find("qwen3-vl-8b"), POOR).speed is Speed.TOO_BIG


def test_the_catalogue_is_whole():
    models = catalogue().models
    assert len(models) >= 10
    for model in models.values():
        assert model.engine in ("gguf", "torch")
        assert model.memory_mb > model.download_mb > 0
        assert model.repository.count("/") == 1
        assert (model.revision != "main") == model.is_pinned, model.id
        assert model.engine == "torch" or {file.role for file in model.files} == {"model", "projector"}
    assert len({(model.engine, model.rank) for model in models.values()}) == len(models)


def test_a_name_is_found_as_it_is_typed():
    assert find("SmolVLM-256M").id == "smolvlm-256m"
    assert find("nothing") is None
    assert nearest("gemma3-4b") == "gemma-3-4b"


CARDS = [
    ("NVIDIA GeForce RTX 4090, 24564, 23000\n", ("NVIDIA GeForce RTX 4090", 24117)),
    ("Small, 4096, 4000\nLarge, 8192, 6000\n", ("Large", 6291)),
    ("With, a comma, 1000, 1000\n", ("With, a comma", 1049)),
    ("NVIDIA A100, [N/A], [N/A]\n", None),
    ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", None),
    ("", None),
]


@pytest.mark.parametrize(("says", "card"), CARDS)
def test_the_driver_is_asked_for_the_card(tmp_path, monkeypatch, says, card):
    speaks(tmp_path, monkeypatch, f"import sys; sys.stdout.write({says!r})")
    gpu = look().gpu
    assert (gpu and (gpu.name, gpu.free_mb)) == card


def test_a_driver_that_fails_is_none(tmp_path, monkeypatch):
    speaks(tmp_path, monkeypatch, "raise SystemExit(9)")
    assert look().gpu is None


def speaks(folder, monkeypatch, code):
    program = folder / "nvidia-smi"
    program.write_text(f"#!{sys.executable}\n{code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_this_machine_has_memory_and_cores():
    machine = look()
    assert machine.ram_mb >= machine.free_ram_mb > 100
    assert machine.cores >= 1
