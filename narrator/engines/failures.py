"""What can go wrong with a model on this machine: a child tells a cause, and the user hears the sentence for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from narrator.errors import AnswerCut, BackendBusy, BackendError, BackendRefused, PartMissing


class EngineFailed(Exception):
    """Raised in a child: `cause` is a key of `FAILURES`, `facts` fill its sentences, `detail` is for the log."""

    def __init__(self, cause: str, detail: str = "", **facts: object) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause, self.detail, self.facts = cause, detail, facts


class EngineLost(BackendBusy):
    """The child is gone, or was ended: `open` starts another."""

    reopens = True


class OutOfMemory(BackendRefused):
    """The child was ended, which gives its memory back; after a rest it is tried anew."""

    reopens = True


class ContextTooLong(BackendError):
    """What was asked did not fit into the model's context; less of it may."""


class TooSlow(BackendError):
    """No word came in time; the user hears of it when that goes on."""

    told_from = 3


class AnswerFull(AnswerCut):
    """The answer had as many words as it may have."""

    at_length = True


@dataclass(frozen=True, slots=True)
class Failure:
    """A cause: how it behaves, and what the user hears. The words in braces are facts that come with it."""

    behaviour: type[BackendError]
    sentence: str
    remedy: str = ""


FAILURES: Mapping[str, Failure] = {
    "part_missing": Failure(PartMissing, "The engine for this model is not installed.", "{command}"),
    "model_missing": Failure(
        BackendRefused,
        "The model {model} is not on this computer.",
        "See what there is with: scene-narrator models list. Fetch one with: scene-narrator models get NAME",
    ),
    "no_model": Failure(
        BackendRefused,
        "No model was chosen for {title}.",
        "Fetch one with: scene-narrator models get NAME, or name a file in {setting}.",
    ),
    "not_a_model": Failure(
        BackendRefused,
        "{model} is not a model file.",
        "Choose a file of the right kind: the names of llama.cpp models end in .gguf.",
    ),
    "model_unusable": Failure(
        BackendRefused,
        "The model {model} is damaged, or this engine does not know its kind.",
        "Check it with: scene-narrator models verify. If it is whole, choose another model or a newer engine.",
    ),
    "model_damaged": Failure(
        BackendRefused,
        "The file {file} is damaged: a part of it is missing.",
        "Fetch it again. Whether it is whole tells: scene-narrator models verify",
    ),
    "model_unknown": Failure(
        BackendRefused,
        "The engine does not know models of the kind {kind}.",
        "Choose another model, or a newer version of the engine.",
    ),
    "is_projector": Failure(
        BackendRefused,
        "The file {file} lets a model see, but is no model itself.",
        "Name the model's own file in gguf.model, and this one in gguf.projector.",
    ),
    "projector_missing": Failure(
        BackendRefused,
        "The model {model} cannot see without its projector file.",
        "Name the file, mostly mmproj-…gguf, in gguf.projector. A model that has none reads text only.",
    ),
    "projector_unfit": Failure(
        BackendRefused,
        "The projector file does not fit the model {model}.",
        "Take the projector that came with this model.",
    ),
    "cannot_see": Failure(
        BackendRefused, "The model {model} reads text only and cannot see.", "Choose a model for pictures."
    ),
    "not_a_checkpoint": Failure(
        BackendRefused,
        "{model} is not a model's folder.",
        "Choose the folder that holds the model's config.json and its safetensors files.",
    ),
    "own_code": Failure(
        BackendRefused,
        "The model {model} brings program code of its own, which is never run.",
        "Choose a model that transformers knows by itself, or a newer transformers.",
    ),
    "torchvision_missing": Failure(
        PartMissing, "The model {model} needs torchvision, which is not installed.", "{command}"
    ),
    "torchvision_unfit": Failure(
        PartMissing,
        "The installed torchvision does not fit the installed torch.",
        "Install the two together, from the same place: {command}",
    ),
    "device_missing": Failure(
        BackendRefused,
        "Torch finds no {device} on this computer.",
        "Set torch.device to auto, or install torch for this graphics card.",
    ),
    "out_of_memory": Failure(
        OutOfMemory,
        "There is not enough memory for the model {model}.",
        "Choose a smaller model or a smaller quantisation, or close other programs.",
    ),
    "will_not_fit": Failure(
        BackendRefused,
        "The model {model} needs {needed} of memory, and {free} are free.",
        "Choose a smaller model: scene-narrator models recommend",
    ),
    "context_too_long": Failure(ContextTooLong, "The pictures did not fit into the model's memory of {limit} tokens."),
    "bad_request": Failure(BackendError, "The model could not read the picture."),
    "crashed": Failure(EngineLost, "The model's engine ended unexpectedly.", "It is started again."),
    "stuck": Failure(EngineLost, "The model did not stop when it should.", "It is started again."),
    "load_stuck": Failure(
        BackendRefused, "The model {model} did not come to its end of loading.", "Choose another model, or start again."
    ),
    "too_slow": Failure(
        TooSlow,
        "The model is too slow for live narration.",
        "Choose a smaller model, or lower history.tokens and the detail.",
    ),
    "cut": Failure(AnswerCut, "The model's answer broke off."),
    "full": Failure(
        AnswerFull,
        "The model's answer was cut at the most words that it may have.",
        "Raise narration.detail, which allows more words, or choose another model.",
    ),
    "other": Failure(BackendError, "The model failed.", "The next picture is tried; the log says more."),
}


def failure(cause: str, detail: str = "", **facts: object) -> BackendError:
    """The error for a cause; one that nobody foresaw counts as "other"."""
    known = FAILURES.get(cause, FAILURES["other"])
    return known.behaviour(known.sentence.format_map(_Facts(facts)), known.remedy.format_map(_Facts(facts)), detail)


class _Facts(dict[str, object]):
    """What is not known is left out of a sentence rather than failing it."""

    def __missing__(self, key: str) -> str:
        return "unknown" if key != "command" else "See the README for what to install."
