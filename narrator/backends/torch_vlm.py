"""Describes with a vision model in the format of transformers, run by torch on this machine, in a child process.

This module tells what there is to know before; what it needs for more is imported with the first use.
"""

from collections.abc import Mapping
from importlib.util import find_spec

from narrator.seams import Backend, BackendSpec, Context, Setting, Value

_ENGINE = ("torch", "transformers")

SPEC = BackendSpec(
    id="torch",
    title="Torch",
    help="A vision model from a folder, on this computer's graphics card or processor. Nothing leaves the computer.",
    packages=("torch", "transformers", "accelerate", "PIL"),
    extra="torch",
    is_local=True,
    preference=15,
    settings=(
        Setting(
            "torch.model",
            "",
            "Folder of the model, or its name; empty for the recommended one of those that were fetched.",
            restarts="backend",
            path_to="folder",
        ),
        Setting(
            "torch.device",
            "auto",
            "What it runs on; auto takes the graphics card where there is one.",
            choices=("auto", "cuda", "mps", "cpu"),
            restarts="backend",
        ),
        Setting(
            "torch.precision",
            "auto",
            "How exactly it reckons: less takes less memory. Auto takes the best that fits.",
            choices=("auto", "fp32", "bf16", "fp16", "int8", "4bit"),
            restarts="backend",
        ),
        Setting(
            "torch.memory",
            0,
            "The most memory that it may take; 0 for all that is free.",
            0,
            1_000_000,
            unit="MB",
            restarts="backend",
        ),
        Setting(
            "torch.threads",
            0,
            "Processor threads that it may use; 0 for all cores but one.",
            0,
            256,
            restarts="backend",
        ),
        Setting(
            "torch.pictures",
            0,
            "Most pictures that it is shown; 0 for as many as it learnt to see. One that sees a single picture gets "
            "more as tiles of it.",
            0,
            16,
            restarts="backend",
        ),
        Setting(
            "torch.video",
            False,
            "A model that watches videos is shown the last seconds as one: up to 16 frames of one size, one a second, "
            "while history.interval is no longer than that.",
            restarts="backend",
        ),
        Setting(
            "torch.task",
            "auto",
            "PaliGemma: what it does; auto captions, and describes when asked.",
            choices=("auto", "cap", "caption", "describe", "ocr", "answer", "question", "detect"),
        ),
        Setting(
            "torch.words",
            "person;car;dog",
            "PaliGemma: what to detect, with ; between; or the question to answer, or the answer to ask about.",
        ),
        Setting(
            "torch.prompt",
            "",
            "What a model that cannot chat is asked, word by word; empty for its task.",
        ),
        Setting(
            "torch.first_word_within",
            30.0,
            "How long to wait for the first word.",
            0.1,
            600,
            unit="s",
            restarts="backend",
        ),
        Setting(
            "torch.answer_within",
            60.0,
            "How long to wait for the whole answer.",
            0.1,
            1200,
            unit="s",
            restarts="backend",
        ),
    ),
)


def create(argument: str, context: Context) -> Backend:
    """`argument` is a folder or the name of a model, which counts before the setting."""
    from narrator.backends._torch_backend import Torch

    return Torch(argument, context)


def ready(options: Mapping[str, Value]) -> str:
    """The title of the model that would answer; empty when none is on this machine, or nothing to run it with."""
    if any(find_spec(package) is None for package in _ENGINE):
        return ""
    from narrator.backends._torch_choice import chosen

    model = chosen("", options)
    return model.title if model is not None else ""


def offers(key: str, listed: tuple[str, ...] = ()) -> list[tuple[str, str]]:  # noqa: ARG001 - every backend is asked alike
    """The models that were fetched, for `torch.model`; nothing for the other settings."""
    from narrator.models.store import installed

    if key != "torch.model":
        return []
    return [("", "Recommended"), *((model.name, model.title) for model in installed("torch"))]
