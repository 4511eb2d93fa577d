"""Writes a tiny vision model as two GGUF files, text and projector, whose answers mean something.

Through unmodified llama.cpp code it says "The scene is mostly red." of the newest picture, for the eight corners of the
RGB cube. The weights are set by hand, none is trained; both files together take 0.4 MB and 0.2 s.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np

COLOURS = {
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
}
"""What it can name: RGB."""
PROJECTORS = ("mlp", "idefics3", "gemma3", "phi4")
"""One number of tokens for each picture (mlp, gemma3), for each tile (idefics3), or by the picture's size (phi4)."""
TEXT_WIDTH = 64
"""Length of a token's embedding, which the projector's output must match."""

_SPACE, _NEWLINE = "\u0120", "\u010a"
"""How byte-level BPE writes them."""
_THOUGHT = ("<think>", _SPACE + "Hmm", "</think>")
_SENTENCE = ("The", _SPACE + "scene", _SPACE + "is", _SPACE + "mostly")
_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<fake_token_around_image>",
    "<global-img>",
    "<image>",
    "<start_of_image>",
    "<end_of_image>",
    "<row_1_col_1>",
)
_END = "<|im_end|>"
_TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}"
    "{% elif c['type'] in ('image', 'image_url') %}{{ '<image>' }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

# What the dimensions of the text model's residual stream hold.
_HEAD_WIDTH = 16
_FEED_FORWARD = 32
_PICTURE_RGB = slice(0, 3)
_IS_PICTURE = 3
_ALWAYS_ONE = 4
_SEEN_RGB = slice(5, 8)
_FIRST_STATE = 16
_ROPE_BASE = 1e6

_VISION_WIDTH = 16
_VISION_HIDDEN = 32  # llama.cpp tells the two matrices apart by their shapes
_MERGE = 2


@dataclass(frozen=True)
class TinyModel:
    """The two files of one model."""

    text: Path
    projector: Path


def write_model(
    folder: Path, projector: str = "phi4", *, image_side: int = 0, endless: bool = False, thinks: bool = False
) -> TinyModel:
    """Both files of a model, `tiny.gguf` and `mmproj-tiny.gguf`, in a folder that is made.

    Unless `image_side` says otherwise a picture costs at most 100 tokens of phi4, and 16 or 4 for each tile of others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = TinyModel(folder / "tiny.gguf", folder / "mmproj-tiny.gguf")
    write_text_model(files.text, endless=endless, thinks=thinks)
    write_projector(files.projector, projector, image_side=image_side or _side(projector))
    return files


def write_text_model(
    path: Path,
    *,
    endless: bool = False,
    thinks: bool = False,
    context: int = 8192,
    layers: int = 1,
    architecture: str = "llama",
) -> Path:
    """The text model: `endless` says its sentence for ever, `thinks` begins with a thought, `layers` slow it down."""
    tokens = _vocabulary()
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_name("tiny")
    _add_shape(writer, context, layers)
    _add_vocabulary(writer, tokens)
    embedding, output = _sentence(tokens, endless=endless, thinks=thinks)
    tensors = {"token_embd.weight": embedding, "output.weight": output, "output_norm.weight": _ones(TEXT_WIDTH)}
    for layer in range(layers):
        tensors |= _block(f"blk.{layer}", _look_at_the_newest_picture() if layer == 0 else _nothing())
    _write(writer, tensors)
    return path


def write_projector(
    path: Path,
    kind: str = "phi4",
    *,
    image_side: int = 256,
    patch: int = 8,
    longest_side: int = 0,
    text_width: int = TEXT_WIDTH,
) -> Path:
    """The projector, of one of `PROJECTORS`; with another `text_width` it fits no text model of ours.

    `longest_side` is what an idefics3 brings every picture to before it is cut into tiles; 0 for the picture's own.
    """
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_file_type(0)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", kind)
    writer.add_bool("clip.use_gelu", True)
    for key, number in _vision_numbers(kind, image_side, patch, longest_side, text_width).items():
        writer.add_uint32(f"clip.vision.{key}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5] * 3)
    writer.add_array("clip.vision.image_std", [0.5] * 3)
    _write(writer, _vision(image_side, patch) | _projection(kind, text_width))
    return path


def write_truncated(path: Path, whole: Path, share: float = 0.6) -> Path:
    """The beginning of a file, as a download that broke off leaves it."""
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def _side(projector: str) -> int:
    return 80 if projector == "phi4" else 32


def _add_shape(writer: gguf.GGUFWriter, context: int, layers: int) -> None:
    writer.add_block_count(layers)
    writer.add_context_length(context)
    writer.add_embedding_length(TEXT_WIDTH)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(TEXT_WIDTH // _HEAD_WIDTH)
    writer.add_head_count_kv(TEXT_WIDTH // _HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_HEAD_WIDTH)
    writer.add_rope_freq_base(_ROPE_BASE)
    writer.add_file_type(0)


def _add_vocabulary(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in _SPECIAL else 1 for token in tokens])
    writer.add_token_merges([f"{_NEWLINE} {_NEWLINE}"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(_TEMPLATE)


def _vocabulary() -> list[str]:
    words = [*_THOUGHT, *_SENTENCE, *(_SPACE + colour for colour in COLOURS), ".", _SPACE + _NEWLINE]
    tokens = [*_SPECIAL, *_byte_alphabet(), _NEWLINE + _NEWLINE]
    return tokens + [word for word in words if word not in tokens]


def _byte_alphabet() -> list[str]:
    """The 256 printable stand-ins that byte-level BPE uses."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in plain]
    pairs = [(byte, byte) for byte in plain] + [(byte, 256 + place) for place, byte in enumerate(moved)]
    return [chr(code) for _, code in sorted(pairs)]


def _sentence(tokens: list[str], *, endless: bool, thinks: bool) -> tuple[np.ndarray, np.ndarray]:
    """Embedding and output matrices that walk through the sentence one state at a time."""
    index = {token: place for place, token in enumerate(tokens)}
    embedding = np.zeros((len(tokens), TEXT_WIDTH), np.float32)
    output = np.zeros((len(tokens), TEXT_WIDTH), np.float32)
    embedding[:, _ALWAYS_ONE] = 1.0
    steps = ["<|assistant|>", *(_THOUGHT if thinks else ()), *_SENTENCE]
    state = {token: _FIRST_STATE + place for place, token in enumerate(steps)}
    after_colour = _FIRST_STATE + len(steps)
    after_stop = after_colour + 1
    for token in steps:
        embedding[index[token], state[token]] = 4.0
    for current, following in pairwise(steps):
        output[index[following], state[current]] = 6.0
    for colour, rgb in COLOURS.items():
        row = index[_SPACE + colour]
        embedding[row, after_colour] = 4.0
        output[row, state[_SENTENCE[-1]]] = 18.0
        output[row, _SEEN_RGB] = [1 if channel else -1 for channel in rgb]
        output[row, _ALWAYS_ONE] = -20.0  # a colour can only follow "mostly"
    embedding[index["."], after_stop] = 4.0
    output[index["."], after_colour] = 6.0
    output[index[_SENTENCE[0] if endless else _END], after_stop] = 6.0
    output[index[_END], _ALWAYS_ONE] += 0.5  # whatever else happens: stop
    return embedding, output


def _block(name: str, attention: tuple[np.ndarray, ...]) -> dict[str, np.ndarray]:
    """One transformer block whose feed-forward part does nothing."""
    query, key, value, out = attention
    up = np.zeros((_FEED_FORWARD, TEXT_WIDTH), np.float32)
    return {
        f"{name}.attn_norm.weight": _ones(TEXT_WIDTH),
        f"{name}.ffn_norm.weight": _ones(TEXT_WIDTH),
        f"{name}.attn_q.weight": query,
        f"{name}.attn_k.weight": key,
        f"{name}.attn_v.weight": value,
        f"{name}.attn_output.weight": out,
        f"{name}.ffn_gate.weight": up,
        f"{name}.ffn_up.weight": up,
        f"{name}.ffn_down.weight": np.ascontiguousarray(up.T),
    }


def _nothing() -> tuple[np.ndarray, ...]:
    return tuple(np.zeros((TEXT_WIDTH, TEXT_WIDTH), np.float32) for _ in range(4))


def _look_at_the_newest_picture() -> tuple[np.ndarray, ...]:
    """Query, key, value and output matrices of one head that looks at pictures only, and at the newest of them.

    Rotary pair 7 hardly turns: a constant bonus for "is a picture". Pair 5 (0.00018 rad a token, a right angle in 8800)
    has its key turned by 90 degrees, so that the score falls with distance.
    """
    query, key, value, out = _nothing()
    query[14, _ALWAYS_ONE] = 17.0
    key[14, _IS_PICTURE] = 17.0
    query[10, _ALWAYS_ONE] = 21.0
    key[11, _IS_PICTURE] = -21.0
    value[0:3, _PICTURE_RGB] = 8 * np.eye(3)
    out[_SEEN_RGB, 0:3] = np.eye(3)
    return query, key, value, out


def _vision_numbers(kind: str, image_side: int, patch: int, longest_side: int, text_width: int) -> dict[str, int]:
    numbers = {
        "image_size": image_side,
        "patch_size": patch,
        "embedding_length": _VISION_WIDTH,
        "feed_forward_length": _VISION_HIDDEN,
        "block_count": 1,
        "projection_dim": text_width,
        "attention.head_count": 2,
    }
    if kind == "phi4":  # (width // patch) * (height // patch) tokens, within these limits
        numbers |= {"image_min_pixels": 4 * patch * patch, "image_max_pixels": image_side * image_side}
    if kind in ("idefics3", "gemma3"):
        numbers["projector.scale_factor"] = _MERGE
    if kind == "idefics3" and longest_side:
        numbers["preproc_image_size"] = longest_side
    return numbers


def _vision(image_side: int, patch: int) -> dict[str, np.ndarray]:
    """A patch embedding that averages each colour, and one transformer block that does nothing."""
    convolution = np.zeros((_VISION_WIDTH, 3, patch, patch), np.float32)
    for channel in range(3):
        convolution[channel, channel] = 1.0 / (patch * patch)
    bias = np.zeros(_VISION_WIDTH, np.float32)
    bias[3] = 1.0
    tensors = {
        "v.patch_embd.weight": convolution,
        "v.patch_embd.bias": bias,
        "v.position_embd.weight": np.zeros(((image_side // patch) ** 2, _VISION_WIDTH), np.float32),
    }
    square = (_VISION_WIDTH, _VISION_WIDTH)
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out"), square)
    shapes |= {"ffn_up": (_VISION_HIDDEN, _VISION_WIDTH), "ffn_down": (_VISION_WIDTH, _VISION_HIDDEN)}
    for name, shape in shapes.items():
        tensors[f"v.blk.0.{name}.weight"] = np.zeros(shape, np.float32)
    for name in ("ln1", "ln2"):
        tensors[f"v.blk.0.{name}.weight"] = _ones(_VISION_WIDTH)
        tensors[f"v.blk.0.{name}.bias"] = np.zeros(_VISION_WIDTH, np.float32)
    return tensors


def _projection(kind: str, text_width: int) -> dict[str, np.ndarray]:
    """From what the vision tower sees to tokens of the text model."""
    to_text = _vision_to_text(text_width)
    if kind == "idefics3":
        merged = _MERGE * _MERGE
        return {"mm.model.fc.weight": np.concatenate([to_text / merged] * merged, axis=1)}
    if kind == "gemma3":  # this one is stored transposed
        tensors = {"mm.input_projection.weight": np.ascontiguousarray(to_text.T)}
        return tensors | {"mm.soft_emb_norm.weight": _ones(_VISION_WIDTH)}
    identity = np.eye(_VISION_WIDTH, dtype=np.float32)
    return {  # gelu(x) - gelu(-x) = x: feeding x and -x makes the layer between linear
        "mm.0.weight": np.concatenate([identity, -identity]),
        "mm.0.bias": np.zeros(2 * _VISION_WIDTH, np.float32),
        "mm.2.weight": np.concatenate([to_text, -to_text], axis=1),
        "mm.2.bias": np.zeros(text_width, np.float32),
    }


def _vision_to_text(text_width: int) -> np.ndarray:
    """The mean colour and the constant of the vision tower become a picture's colour and the mark of a picture.

    The mark is so strong that a token's length, to which it is normalised, is the same for every colour.
    """
    matrix = np.zeros((text_width, _VISION_WIDTH), np.float32)
    for channel in range(3):
        matrix[channel, channel] = 2.0
    matrix[_IS_PICTURE, 3] = 32.0
    return matrix


def _ones(count: int) -> np.ndarray:
    return np.ones(count, np.float32)


def _write(writer: gguf.GGUFWriter, tensors: dict[str, np.ndarray]) -> None:
    for name, array in tensors.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
