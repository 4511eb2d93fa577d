"""Loads a checkpoint from a folder: only in the child process, and never with code that the checkpoint brings."""

import json
import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig, TorchAoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)

from narrator.backends._torch_choice import CONFIGURATION
from narrator.backends._torch_fitting import QUANTISED, choose, forms, weights
from narrator.backends._torch_told import QUANTISERS, told
from narrator.engines.failures import EngineFailed

_log = logging.getLogger(__name__)
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, AssertionError)
"""What the libraries raise for files that are damaged or that they do not know; ImportError comes besides."""
_MAY_LACK = 0.1
"""The share of its tensors that a checkpoint may lack: more is the weights of another model."""
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a model is loaded: "cuda", "mps" or "cpu", and a form of `_torch_fitting`."""

    device: str
    form: str


def place(folder: Path, device: str, wished: str, most_memory: float) -> Place:
    """The device, and the best form that fits it. `most_memory` in bytes, 0 for all that is free.

    Raises `EngineFailed`.
    """
    device = _device(device)
    held = weights(folder)
    quantised = _quantised()
    if wished in QUANTISED and wished not in quantised:
        raise EngineFailed("part_missing", "no quantiser", command=QUANTISERS)
    has_bf16 = device != "cuda" or torch.cuda.is_bf16_supported()
    candidates = forms(device, held.stored, wished, quantised=quantised if device != "mps" else (), has_bf16=has_bf16)
    free = free_memory(device)
    return Place(device, choose(held.parameters, min(free, most_memory or free), candidates))


def free_memory(device: str) -> float:
    """Bytes that a model may take on a device."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0])
    return float(psutil.virtual_memory().available)


def load(folder: Path, where: Place) -> tuple[Any, Any]:
    """The processor and the model, ready to answer. Raises `EngineFailed`."""
    check(folder)
    try:
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if not hasattr(processor, "tokenizer"):
            raise EngineFailed("cannot_see", f"its processor is a {type(processor).__name__}")
        return processor, _model(folder, where)
    except (ImportError, *UNREADABLE) as error:
        raise told(error, "model_unusable") from error


def check(folder: Path) -> None:
    """Raise `EngineFailed` when the configuration says that the model cannot be used."""
    try:
        configuration = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        kind = str(configuration["model_type"])
    except OSError as error:
        raise EngineFailed("not_a_checkpoint", str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EngineFailed("model_unusable", str(error)) from error
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return
    if kind not in CONFIG_MAPPING_NAMES and "auto_map" in configuration:
        raise EngineFailed("own_code", kind)
    raise EngineFailed("cannot_see" if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES else "model_unusable", kind)


def _quantised() -> tuple[str, ...]:
    """The forms that the quantisers which are installed can make."""
    if find_spec("bitsandbytes") is not None:
        return QUANTISED
    return ("int8",) if find_spec("torchao") is not None else ()


def _device(wished: str) -> str:
    has = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}
    if wished == "auto":
        return next(device for device, is_there in has.items() if is_there())
    if not has[wished]():
        raise EngineFailed("device_missing", wished, device={"cuda": "graphics card", "mps": "Apple GPU"}[wished])
    return wished


def _model(folder: Path, where: Place) -> Any:
    settings = _settings(where)
    if where.device == "cuda" and find_spec("flash_attn") is not None:
        try:
            return _loaded(folder, where, settings | {"attn_implementation": "flash_attention_2"})
        except (ImportError, ValueError) as error:
            _log.info("Without flash attention: %s", error)
    return _loaded(folder, where, settings)


def _loaded(folder: Path, where: Place, settings: dict[str, Any]) -> Any:
    model, loading = AutoModelForImageTextToText.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
        **settings,
    )
    missing = loading["missing_keys"]
    if len(missing) > _MAY_LACK * len(model.state_dict()) or loading["mismatched_keys"]:
        raise EngineFailed("model_unusable", f"it lacks {len(missing)} tensors, {sorted(missing)[:3]} among them")
    return (model if where.form in QUANTISED else model.to(where.device)).eval()


def _settings(where: Place) -> dict[str, Any]:
    """What `from_pretrained` is told; the kind of attention is left to the library, since naming one fails for some."""
    if where.form not in QUANTISED:
        return {"dtype": _DTYPES[where.form]}
    return {"dtype": torch.bfloat16, "device_map": {"": where.device}, "quantization_config": _quantiser(where.form)}


def _quantiser(form: str) -> Any:
    if form == "4bit":
        return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    if find_spec("bitsandbytes") is not None:
        return BitsAndBytesConfig(load_in_8bit=True)
    from torchao.quantization import Int8WeightOnlyConfig

    return TorchAoConfig(Int8WeightOnlyConfig())
