"""The child process of a torch model: nothing heavy is imported before it is told to load."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from narrator.backends._torch_told import told
from narrator.children import Message, Parent
from narrator.engines.child import serve
from narrator.mailbox import Cancel

if TYPE_CHECKING:
    from narrator.backends._torch_model import TorchModel

_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "USE_TF": "0",
    "USE_FLAX": "0",
}
"""Nothing is fetched here, whatever a checkpoint refers to."""


def main(parent: Parent, arguments: list[str]) -> None:  # noqa: ARG001 - every child is started alike
    os.environ.update(_ENVIRONMENT)
    serve(parent, TorchEngine())


class TorchEngine:
    """At most one model; loading another gives back the memory of the first."""

    def __init__(self) -> None:
        self._model: TorchModel | None = None

    def load(self, options: Message, tell: Callable[[str], None]) -> Message:
        """Raises `EngineFailed`."""
        self._model = None
        try:
            from narrator.backends import _torch_model
        except (ImportError, RuntimeError, OSError) as error:
            raise told(error) from error
        self._model = _torch_model.load(options, tell)
        return self._model.ready()

    def answer(self, request: Message, cancelled: Cancel) -> Iterator[Message]:
        """Raises `EngineFailed`."""
        assert self._model is not None, "it is loaded before it is asked"
        return self._model.answer(request, cancelled)
