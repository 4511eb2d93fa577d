"""Tiny vision models with random weights in the format of transformers: every family by the way of its own classes.

As a program, `tiny_vlms.py FOLDER FAMILY…` writes them, so that the tests themselves never import torch. A tokenizer of
bytes and a few pairs is trained on some lines; a model has 70 to 175 thousand parameters and takes 0.3 s.
"""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parent / "torchvision_bridge"
"""SmolVLM and Qwen-VL have a processor for videos, which needs torchvision: see there."""
LINES = [
    "a person in a red coat walks past a parked bicycle",
    "caption en describe en ocr",
    "answer en what is on the table ?",
    "detect cat ; dog",
    "User: Assistant: describe this image in one sentence.",
    "the image shows a white cup on a wooden table near a window",
    "0123456789 <>/;:,.!?",
]
CHAT = (
    "{% for m in messages %}{{ m['role'].capitalize() + ': ' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ 'IMAGE' }}"
    "{% elif c['type'] == 'video' %}{{ 'VIDEO' }}"
    "{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<end>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)
PAD, BOS, EOS = 0, 1, 2
CONTEXT = 4096


def with_bridge(**more):
    """The environment of a process in which torchvision imports."""
    path = os.pathsep.join(filter(None, (str(BRIDGE), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, **more}


@pytest.fixture(scope="session")
def tiny_vlms(tmp_path_factory):
    """The folder with a checkpoint of every family, named as in `FAMILIES` and `ODD`."""
    root = tmp_path_factory.mktemp("vlms")
    command = [sys.executable, __file__, str(root), *FAMILIES, *ODD]
    written = subprocess.run(command, env=with_bridge(), capture_output=True, text=True, check=False)
    assert written.returncode == 0, written.stderr[-3000:]
    return root


@pytest.fixture(scope="module")
def torchvision_imports():
    """Child processes of the module find a torchvision that imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", with_bridge()["PYTHONPATH"])
        yield patch


def chat(image, video=""):
    return CHAT.replace("IMAGE", image).replace("VIDEO", video)


def make_tokenizer(special, **named):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<bos>", "<eos>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        additional_special_tokens=list(special),
        padding_side="left",
        extra_special_tokens=named or None,
    )


def text_settings(tokenizer, **more):
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": CONTEXT,
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        **more,
    }


def vision_settings(**more):
    return {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, **more}


def paligemma(version=1, *, tokens=(), **more):
    import transformers as hf

    tokenizer = make_tokenizer(["<image>"])
    tokenizer.add_tokens(list(tokens))
    image_processor = hf.SiglipImageProcessorPil(size={"height": 28, "width": 28})
    image_processor.image_seq_length = 4
    processor = hf.PaliGemmaProcessor(image_processor=image_processor, tokenizer=tokenizer)
    if version == 1:
        text = hf.GemmaConfig(**text_settings(tokenizer, **more))
    else:
        text = hf.Gemma2Config(**text_settings(tokenizer, sliding_window=64))
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**vision_settings(image_size=28, patch_size=14, vision_use_head=False)),
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=64,
        hidden_size=64,
        vocab_size=len(tokenizer),
        **more,
    )
    return processor, hf.PaliGemmaForConditionalGeneration(config)


def paligemma2():
    return paligemma(version=2)


BOXES = (
    *("<loc0100>", "<loc0000>", "<loc0900>", "<loc0200>", " cup ; "),
    *("<loc0101>", "<loc0800>", "<loc0901>", "<loc1000>", " cup ;"),
    *("<loc0102>", "<loc0400>", "<loc0902>", "<loc0600>", " dog"),
)
"""What `paligemma_boxes` answers: a cup on the left, one on the right, and a dog between them."""


def paligemma_boxes():
    """It answers everything with `BOXES`."""
    processor, model = paligemma(tokens=BOXES, tie_word_embeddings=False)
    lead(model, processor.tokenizer, [LINE_FEED, *BOXES, "<eos>"])
    return processor, model


THOUGHT = ("<think>", " hm", "</think>", " A", " cup.")


def thinker():
    """It answers everything with `THOUGHT`, whose marks are special tokens; it goes on where a prompt began it."""
    processor, model = llava(special=("<think>", "</think>"), tokens=(" hm", " A", " cup."))
    processor.chat_template = processor.chat_template.replace("Assistant: ", "Assistant:\\n")
    lead(model, processor.tokenizer, [LINE_FEED, *THOUGHT, "<eos>"])
    return processor, model


LINE_FEED = "\u010a"
"""As a tokenizer of bytes writes it."""


def lead(model, tokenizer, tokens):
    """Each token leads to the next, the first that the prompt ends with: the layers let pass what they get."""
    import torch

    text, head = model.model.language_model, model.lm_head
    ids = tokenizer.convert_tokens_to_ids(list(tokens))
    with torch.no_grad():
        for layer in text.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        text.embed_tokens.weight.zero_()
        head.weight.zero_()
        for place, (token, following) in enumerate(pairwise(ids)):
            text.embed_tokens.weight[token, place] = 1.0
            head.weight[following, place] = 1.0


def llava(*, tiled=False, special=(), tokens=()):
    import transformers as hf

    tokenizer = make_tokenizer(["<image>", "<end>", *special], image_token="<image>")
    tokenizer.add_tokens(list(tokens))
    sizes = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
    grids = {"image_grid_pinpoints": [[28, 56], [56, 28], [56, 56]]} if tiled else {}
    name = "LlavaNext" if tiled else "Llava"
    image_processor = getattr(hf, "LlavaNextImageProcessorPil" if tiled else "CLIPImageProcessorPil")(**sizes, **grids)
    processor = getattr(hf, f"{name}Processor")(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        image_token="<image>",
        num_additional_image_tokens=1,
        chat_template=chat("<image>"),
    )
    config = getattr(hf, f"{name}Config")(
        vision_config=hf.CLIPVisionConfig(**vision_settings(image_size=28, patch_size=14, projection_dim=64)),
        text_config=hf.LlamaConfig(**text_settings(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        **grids,
    )
    return processor, getattr(hf, f"{name}ForConditionalGeneration")(config)


def llava_next():
    return llava(tiled=True)


def idefics3(*, with_video=False):
    import transformers as hf

    cells = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = make_tokenizer(
        ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<end>", *cells],
        image_token="<image>",
        fake_image_token="<fake_token_around_image>",
        global_image_token="<global-img>",
        end_of_utterance_token="<end_of_utterance>",
        video_token="<video>",
    )
    family = "SmolVLM" if with_video else "Idefics3"
    settings = {
        "image_processor": getattr(hf, f"{family}ImageProcessorPil")(
            size={"longest_edge": 112}, max_image_size={"longest_edge": 56}, do_image_splitting=True
        ),
        "tokenizer": tokenizer,
        "image_seq_len": 4,  # (56 / 14)^2 patches, merged 2 x 2
        "chat_template": chat("<image>", "<video>" if with_video else ""),
    }
    if with_video:
        settings["video_processor"] = hf.SmolVLMVideoProcessor(
            size={"longest_edge": 56}, max_image_size={"longest_edge": 56}, do_sample_frames=False
        )
    processor = getattr(hf, f"{family}Processor")(**settings)
    vision = getattr(hf, f"{family}VisionConfig")(**vision_settings(image_size=56, patch_size=14))
    config = getattr(hf, f"{family}Config")(
        vision_config=vision.to_dict(),
        text_config=hf.LlamaConfig(**text_settings(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=PAD,
    )
    return processor, getattr(hf, f"{family}ForConditionalGeneration")(config)


def smolvlm():
    return idefics3(with_video=True)


QWEN = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}


def qwen_vl(name, patch, vision, video, largest):
    """`name` is "Qwen2_5_VL" or "Qwen3VL"; `largest` pixels of a video."""
    import transformers as hf

    tokenizer = make_tokenizer([*QWEN.values(), "<end>"], image_token="<|image_pad|>", video_token="<|video_pad|>")
    shared = {"patch_size": patch, "merge_size": 2, "temporal_patch_size": 2}
    least = (2 * patch) ** 2
    processor = getattr(hf, f"{name}Processor")(
        image_processor=hf.Qwen2VLImageProcessorPil(
            **shared, size={"shortest_edge": least, "longest_edge": (24 * patch) ** 2}
        ),
        tokenizer=tokenizer,
        video_processor=getattr(hf, video)(
            **shared, size={"shortest_edge": least, "longest_edge": largest}, do_sample_frames=False
        ),
        chat_template=chat(
            "<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>"
        ),
    )
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        **vision,
    }
    rotary = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]}
    config = getattr(hf, f"{name}Config")(
        vision_config=vision,
        text_config=text_settings(tokenizer, rope_parameters=rotary),
        **{key: tokenizer.convert_tokens_to_ids(token) for key, token in QWEN.items()},
    )
    return processor, getattr(hf, f"{name}ForConditionalGeneration")(config)


def qwen2_5_vl():
    vision = {"window_size": 56, "fullatt_block_indexes": [1]}
    return qwen_vl("Qwen2_5_VL", 14, vision, "Qwen2VLVideoProcessor", 56 * 56)


def qwen3_vl():
    vision = {"num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
    return qwen_vl("Qwen3VL", 16, vision, "Qwen3VLVideoProcessor", 64 * 64 * 4)


def gemma3():
    import transformers as hf

    tokenizer = make_tokenizer(
        ["<image>", "<boi>", "<eoi>", "<end>"], image_token="<image>", boi_token="<boi>", eoi_token="<eoi>"
    )
    processor = hf.Gemma3Processor(
        image_processor=hf.Gemma3ImageProcessorPil(size={"height": 56, "width": 56}, image_seq_length=4),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=chat("<boi>"),
    )
    config = hf.Gemma3Config(
        text_config=text_settings(tokenizer, sliding_window=64),
        vision_config=vision_settings(image_size=56, patch_size=14, vision_use_head=False),
        mm_tokens_per_image=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        boi_token_index=tokenizer.convert_tokens_to_ids("<boi>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<eoi>"),
    )
    return processor, hf.Gemma3ForConditionalGeneration(config)


FAMILIES = {
    "paligemma": paligemma,
    "paligemma2": paligemma2,
    "llava": llava,
    "llava_next": llava_next,
    "idefics3": idefics3,
    "gemma3": gemma3,
    "smolvlm": smolvlm,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
}
ODD = {"paligemma_boxes": paligemma_boxes, "thinker": thinker}


def save(family, folder):
    """Write a checkpoint, always the same; one with random weights ends at the most tokens that it may have."""
    import torch

    torch.manual_seed(0)
    processor, model = (FAMILIES | ODD)[family]()
    model.eval()
    settings = model.generation_config
    settings.pad_token_id, settings.bos_token_id, settings.eos_token_id = PAD, BOS, EOS
    settings.forced_eos_token_id = EOS if family in FAMILIES else None
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def main(root, *families):
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    for family in families:
        save(family, Path(root) / family)


if __name__ == "__main__":
    main(*sys.argv[1:])
