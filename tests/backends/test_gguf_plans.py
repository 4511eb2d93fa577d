"""What a picture costs by its model's kind, and where a model's parts go: pure, with the numbers of real models."""

from pathlib import Path

import pytest

from narrator.backends._gguf_child import _batch, _opens_thought
from narrator.backends._gguf_memory import Device, kept_a_token, place, size_in_words
from narrator.backends._gguf_tokens import Rule, calibrated, family_of, rules_of
from narrator.models.gguf_header import GgufFile

GB = 10**9


def projector(kind, size=0, **numbers):
    fields = {"general.architecture": "clip", "clip.projector_type": kind}
    return GgufFile(Path("mmproj.gguf"), size, fields | {f"clip.vision.{key}": value for key, value in numbers.items()})


GEMMA_3 = projector("gemma3", 851_000_000, image_size=896, patch_size=14)
LLAVA = projector("mlp", image_size=336, patch_size=14)
QWEN = projector("qwen2.5vl_merger", image_size=560, patch_size=14)
QWEN_3 = projector("qwen3vl_merger", image_size=768, patch_size=16)
SMOLVLM = projector("idefics3", image_size=512, patch_size=16, **{"projector.scale_factor": 4})
SMOLVLM_2048 = projector(
    "idefics3", image_size=512, patch_size=16, preproc_image_size=2048, **{"projector.scale_factor": 4}
)


class TestRules:
    """Tokens of the models' own documentation: docs of the catalogue name the sources."""

    @pytest.mark.parametrize(
        ("file", "size", "tokens"),
        [
            (GEMMA_3, (768, 432), 256),
            (GEMMA_3, (192, 108), 256),
            (LLAVA, (768, 432), 576),
            (QWEN, (768, 432), 27 * 15),
            (QWEN, (392, 224), 14 * 8),
            (QWEN_3, (768, 432), 24 * 14),
            (SMOLVLM, (512, 512), 64 * 2),
            (SMOLVLM, (768, 432), 64 * 3),
            (SMOLVLM_2048, (320, 240), 64 * 13),
            (SMOLVLM_2048, (1280, 720), 64 * 13),
        ],
    )
    def test_of_known_models(self, file, size, tokens):
        assert rules_of(file, 10_000)[0].cost(*size) == tokens

    def test_of_an_unknown_kind_go_by_its_area(self):
        rule = rules_of(projector("tomorrow", image_size=448, patch_size=14), 10_000)[0]
        assert rule.cost(448, 448) == 256

    def test_a_picture_with_too_many_is_made_smaller(self):
        rule = rules_of(QWEN, 100)[0]
        assert 85 <= rule.cost(768, 432) <= 100

    def test_go_through_json(self):
        rule = Rule("counted", points=((1, 2), (3, 4)))
        assert Rule.of_message({**rule.message(), "points": [[1, 2], [3, 4]]}) == rule

    @pytest.mark.parametrize(("file", "pictures"), [(LLAVA, 1), (GEMMA_3, 16), (SMOLVLM, 16)])
    def test_a_model_that_was_trained_with_one_picture_gets_one(self, file, pictures):
        assert family_of(file).pictures == pictures


class TestBatches:
    """A picture that attends to itself both ways ends the engine when a batch cannot hold it."""

    LARGE = projector("gemma4v", image_size=768, patch_size=16, **{"projector.scale_factor": 1})

    @pytest.mark.parametrize("on_cpu", [False, True])
    @pytest.mark.parametrize(("most", "batch"), [(250, 2304), (5000, 2304)])
    def test_hold_a_large_picture_whole(self, on_cpu, most, batch):
        rules = rules_of(self.LARGE, most)
        assert max(rule.cost(768, 768) for rule in rules) == batch
        assert _batch(family_of(self.LARGE), rules, on_cpu=on_cpu) == batch

    def test_are_as_ever_for_a_small_one(self):
        assert _batch(family_of(GEMMA_3), rules_of(GEMMA_3, 5000), on_cpu=True) == 512

    def test_of_other_kinds_let_a_cancel_in(self):
        batches = [_batch(family_of(QWEN), rules_of(QWEN, 5000), on_cpu=on_cpu) for on_cpu in (False, True)]
        assert batches == [512, 64]


class TestCounting:
    def test_adds_the_marks_around_a_picture(self):
        held = calibrated(rules_of(GEMMA_3, 1000), lambda *_: 258)
        assert (held.kind, held.cost(768, 432)) == ("fixed", 258)

    def test_adds_the_marks_of_each_tile(self):
        tiles = rules_of(SMOLVLM_2048, 10_000)[0]
        held = calibrated((tiles,), lambda *size: tiles.cost(*size) // 64 * 69 + 3)
        assert held.kind == "tiles"
        assert held.cost(768, 432) == pytest.approx(13 * 69 + 3, rel=0.05)

    def test_of_tiles_heeds_the_cap(self):
        rule = rules_of(SMOLVLM_2048, 250)[0]
        assert (rule.cost(768, 432), rule.cost(384, 384)) == (64 * 3, 64 * 2)

    def test_takes_the_rule_that_holds(self):
        capped, free = rules_of(QWEN, 100)
        assert calibrated((capped, free), free.cost).cost(768, 432) == 405
        assert calibrated((capped, free), capped.cost).cost(768, 432) < 101

    def test_replaces_a_rule_that_does_not_hold(self):
        held = calibrated(rules_of(GEMMA_3, 1000), lambda width, height: width * height // 500)
        assert held.kind == "counted"
        assert held.cost(384, 216) == 165
        assert 165 < held.cost(500, 281) < 663
        assert held.cost(1920, 1080) == held.cost(768, 768)

    def test_takes_what_is_always_the_same_as_fixed(self):
        held = calibrated(rules_of(QWEN, 1000), lambda *_: 81)
        assert held == Rule("fixed", tokens=81)


def model(size, **numbers):
    fields = {f"gemma3.{key.replace('__', '.')}": value for key, value in numbers.items()}
    return GgufFile(Path("model.gguf"), size, {"general.architecture": "gemma3"} | fields)


GEMMA_3_4B = model(
    2_490_000_000,
    block_count=34,
    embedding_length=2560,
    attention__head_count=8,
    attention__head_count_kv=4,
    attention__key_length=256,
    attention__value_length=256,
)


class TestPlacing:
    def test_without_a_card_all_is_in_memory(self):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, ())
        assert (placed.gpu_layers, placed.projector_on_gpu) == (0, False)
        assert 3.8 * GB < placed.memory < 4.8 * GB

    def test_on_a_large_card_all_is_there(self):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, (Device("card", 8 * GB),))
        assert (placed.gpu_layers, placed.layers, placed.projector_on_gpu) == (35, 35, True)
        assert placed.memory < 0.3 * GB

    def test_on_a_small_card_some_layers_are(self):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, (Device("card", 3 * GB),))
        assert 5 < placed.gpu_layers < 25
        assert placed.projector_on_gpu

    def test_on_a_tiny_card_nothing_is(self):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, (Device("card", GB),))
        assert (placed.projector_on_gpu, placed.gpu_layers) == (False, 2)

    def test_on_a_full_card_nothing_is(self):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, (Device("card", 0),))
        assert (placed.projector_on_gpu, placed.gpu_layers) == (False, 0)

    def test_two_cards_hold_more(self):
        cards = (Device("one", 3 * GB), Device("two", 3 * GB))
        assert place(GEMMA_3_4B, GEMMA_3, 4096, cards).gpu_layers == 35

    @pytest.mark.parametrize(("wanted", "layers", "sight"), [(0, 0, False), (10, 10, True), (1000, 35, True)])
    def test_as_many_as_were_wished(self, wanted, layers, sight):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, (Device("card", 8 * GB),), wanted)
        assert (placed.gpu_layers, placed.projector_on_gpu) == (layers, sight)

    def test_a_card_that_shares_the_memory_saves_none(self):
        placed = place(GEMMA_3_4B, GEMMA_3, 4096, (Device("chip", 16 * GB, shares=True),))
        assert placed.gpu_layers == 35
        assert placed.memory > 3.8 * GB

    def test_what_was_read_takes_memory(self):
        assert kept_a_token(GEMMA_3_4B) == 34 * 4 * 512 * 2
        assert kept_a_token(model(1, block_count=2, embedding_length=64, attention__head_count=4)) == 2 * 4 * 32 * 2

    def test_parts_of_a_model_count_together(self, tmp_path):
        for number in (1, 2, 3):
            (tmp_path / f"big-0000{number}-of-00003.gguf").write_bytes(bytes(1000))
        (tmp_path / "other-00001-of-00003.gguf").write_bytes(bytes(1000))
        first = GgufFile(tmp_path / "big-00001-of-00003.gguf", 1000, {"general.architecture": "x", "x.block_count": 1})
        alone = GgufFile(tmp_path / "alone.gguf", 1000, first.fields)
        nothing = GgufFile(tmp_path / "none", 0, {})
        assert place(first, nothing, 0, ()).memory - place(alone, nothing, 0, ()).memory == 2000


@pytest.mark.parametrize(
    ("size", "words"), [(2_440_000_000, "2.4 GB"), (999_000_000, "999 MB"), (350_000_000, "350 MB"), (1, "1 MB")]
)
def test_sizes_in_words(size, words):
    assert size_in_words(size) == words


@pytest.mark.parametrize(
    ("template", "begins"),
    [
        ("{% if add_generation_prompt %}<|assistant|>{% endif %}", False),
        ("{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}", True),
        ("{% if add_generation_prompt %}<|assistant|><think>\n\n</think>{% endif %}", False),
        ("{% if add_generation_prompt %}{% if enable_thinking %}<think>{% endif %}{% endif %}", False),
        ("", False),
    ],
)
def test_a_template_that_begins_a_thought_is_known(template, begins):
    assert _opens_thought(template) == begins
