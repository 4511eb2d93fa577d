"""Finds people, animals and things in one picture: NanoDet-g on onnxruntime, the 80 classes of COCO."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from narrator.errors import NarratorError
from narrator.messages import Box, Pixels
from narrator.sight.labels import LABELS
from narrator.sight.weights import weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

LEAST_SCORE = 0.35
_SIDE = 416
_PADDING = 114
_MEAN = (103.53, 116.28, 123.675)
_STD = (57.375, 57.12, 58.395)
"""Per channel, BGR: `pipeline: normalize` of NanoDet's config/nanodet-g.yml, as is `_SIDE`."""
_BINS = 11
"""`reg_max` 10 of the same file: a side's distance is the mean of a distribution over 0..10 strides."""
_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing in one picture, with the detector's score, 0 to 1."""

    label: str
    score: float
    box: Box


class Detector:
    """One model session; `open` it and use it in one thread."""

    def open(self) -> None:
        """Load the model. Raises `DataFileDamaged`, `NarratorError`."""
        path = weights("nanodet.onnx")
        try:
            import onnxruntime
        except (ImportError, OSError) as error:
            remedy = "Install Scene Narrator again."
            raise NarratorError("The object detector cannot start.", remedy, str(error)) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def detect(self, pixels: Pixels) -> list[Detection]:
        """What is in an HxWx3 BGR picture with a score of at least `LEAST_SCORE`, the surest first."""
        square, placing = _letterboxed(pixels)
        outputs = self._session.run(None, {self._input: _normalised(square)})
        return _decoded(outputs, placing)


@dataclass(frozen=True, slots=True)
class _Placing:
    """Where the picture lies in the model's square, in the square's pixels."""

    left: int
    top: int
    width: int
    height: int

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """A box in the square's pixels as fractions of the picture, cut at its edges."""
        return Box(
            min(max((left - self.left) / self.width, 0.0), 1.0),
            min(max((top - self.top) / self.height, 0.0), 1.0),
            min(max((right - self.left) / self.width, 0.0), 1.0),
            min(max((bottom - self.top) / self.height, 0.0), 1.0),
        )


def _letterboxed(pixels: Pixels) -> "tuple[Pixels, _Placing]":
    import cv2
    import numpy as np

    rows, columns = pixels.shape[:2]
    scale = _SIDE / max(rows, columns)
    width, height = max(1, round(columns * scale)), max(1, round(rows * scale))
    placing = _Placing((_SIDE - width) // 2, (_SIDE - height) // 2, width, height)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.full((_SIDE, _SIDE, 3), _PADDING, np.uint8)
    resized = cv2.resize(pixels, (width, height), interpolation=method)
    square[placing.top : placing.top + height, placing.left : placing.left + width] = resized
    return square, placing


def _normalised(square: Pixels) -> "Floats":
    import numpy as np

    planes = np.empty((1, 3, _SIDE, _SIDE), np.float32)
    for channel, (mean, std) in enumerate(zip(_MEAN, _STD, strict=True)):
        np.subtract(square[:, :, channel], np.float32(mean), out=planes[0, channel])
        planes[0, channel] *= np.float32(1 / std)
    return planes


def _decoded(outputs: "Sequence[Floats]", placing: _Placing) -> list[Detection]:
    """The six outputs as detections; only their shapes tell which is which."""
    import numpy as np

    scores = {output.shape[1]: output[0] for output in outputs if output.shape[2] == len(LABELS)}
    sides = {output.shape[1]: output[0] for output in outputs if output.shape[2] == 4 * _BINS}
    found: list[Detection] = []
    for cells, grid_scores in scores.items():
        columns = round(cells**0.5)
        stride = _SIDE / columns
        best = grid_scores.max(axis=1)
        for cell in np.flatnonzero(best >= LEAST_SCORE).tolist():
            left, top, right, bottom = (_distances(sides[cells][cell]) * stride).tolist()
            x, y = (cell % columns + 0.5) * stride, (cell // columns + 0.5) * stride
            box = placing.box(x - left, y - top, x + right, y + bottom)
            found.append(Detection(LABELS[int(grid_scores[cell].argmax())], float(best[cell]), box))
    return _without_doubles(found)


def _distances(logits: "Floats") -> "Floats":
    """From the cell's centre to left, top, right and bottom, in strides: the mean of a softmax over the bins."""
    import numpy as np

    bins = logits.reshape(4, _BINS)
    weight = np.exp(bins - bins.max(axis=1, keepdims=True))
    distances: Floats = (weight / weight.sum(axis=1, keepdims=True)) @ np.arange(_BINS, dtype=np.float32)
    return distances


def _without_doubles(found: list[Detection]) -> list[Detection]:
    """Per-class non-maximum suppression, the surest first."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda detection: -detection.score):
        same = (other for other in kept if other.label == detection.label)
        if all(overlap(detection.box, other.box) <= _OVERLAP for other in same):
            kept.append(detection)
    return kept


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    shared = _shared(a, b)
    return shared / (a.width * a.height + b.width * b.height - shared) if shared else 0.0


def inside(a: Box, b: Box) -> float:
    """The share of `a` that lies in `b`, 0 to 1."""
    shared = _shared(a, b)
    return shared / (a.width * a.height) if shared else 0.0


def _shared(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(width, 0.0) * max(height, 0.0)
