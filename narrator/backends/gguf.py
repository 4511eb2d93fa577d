"""Describes with a vision model in a GGUF file, on this machine, through llama.cpp in a process of its own.

This module tells what there is to know before; what it needs for more is imported with the first use.
"""

from collections.abc import Mapping

from narrator.seams import Backend, BackendSpec, Context, Setting, Value

SPEC = BackendSpec(
    id="gguf",
    title="llama.cpp",
    help="A model in a GGUF file describes the pictures. Nothing leaves this computer, and nothing is paid.",
    packages=("xllamacpp",),
    extra="local",
    is_local=True,
    preference=20,
    settings=(
        Setting(
            "gguf.model",
            "",
            "The model's file, or the name of one that was fetched; empty for the best that is here.",
            restarts="backend",
            path_to="file",
        ),
        Setting(
            "gguf.projector",
            "",
            "The file that lets the model of gguf.model see, mostly mmproj-…gguf; empty for the one beside it.",
            restarts="backend",
            path_to="file",
        ),
        Setting(
            "gguf.engine",
            "auto",
            "What runs it; auto takes xllamacpp where it is installed.",
            choices=("auto", "xllamacpp", "llama-cpp-python"),
            restarts="backend",
        ),
        Setting(
            "gguf.gpu_layers",
            -1,
            "How many layers go onto the graphics card; -1 for as many as its free memory holds.",
            -1,
            1000,
            restarts="backend",
        ),
        Setting(
            "gguf.threads",
            0,
            "How many processor cores it may use; 0 for all but one, 8 at most.",
            0,
            256,
            restarts="backend",
        ),
        Setting("gguf.temperature", 0.0, "How freely it chooses words; 0 for always the likeliest.", 0, 2),
        Setting(
            "gguf.first_word_within",
            30.0,
            "How long to wait for the first word.",
            0.1,
            600,
            unit="s",
            restarts="backend",
        ),
        Setting(
            "gguf.answer_within",
            60.0,
            "How long to wait for the whole answer.",
            0.1,
            3600,
            unit="s",
            restarts="backend",
        ),
    ),
)


def create(argument: str, context: Context) -> Backend:
    """`argument` is a file or the name of a fetched model, which counts before the setting."""
    from narrator.backends._gguf_backend import Gguf

    return Gguf(argument, context)


def ready(options: Mapping[str, Value]) -> str:
    """The title of the model that would answer; empty when there is none on this machine, or no engine for it."""
    from narrator.backends._gguf_choice import title

    return title("", options)


def offers(key: str, listed: tuple[str, ...] = ()) -> list[tuple[str, str]]:  # noqa: ARG001 - no service lists any
    """The models that were fetched; nothing for the other settings."""
    from narrator.models.store import installed

    if key != "gguf.model":
        return []
    return [("", "The best that is here"), *((model.name, model.title) for model in installed("gguf"))]
