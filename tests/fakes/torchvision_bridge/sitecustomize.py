"""On PYTHONPATH, lets a torchvision made for CUDA import beside torch for the processor, or hides packages.

The only torch without CUDA and the only torchvision that the tests can install were not built together: the latter's
compiled part does not load, and its import then stumbles over two operators that nobody defined. They are declared
here before; no model calls them. `HIDDEN_PACKAGES`, with commas between, are as good as not installed.
"""

import os
import sys
from importlib.machinery import PathFinder

_HIDDEN = frozenset(filter(None, os.environ.get("HIDDEN_PACKAGES", "").split(",")))
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class Installed(PathFinder):
    """What the interpreter finds, without what is hidden."""

    library = None

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in _HIDDEN:
            return None
        if name == "torchvision._meta_registrations":
            cls._declare()
        return super().find_spec(name, path, target)

    @classmethod
    def _declare(cls):
        import torch

        if cls.library is None and torch.version.cuda is None:
            cls.library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                cls.library.define(operator + _SCHEMA)


sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
