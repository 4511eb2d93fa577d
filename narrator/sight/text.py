"""Reads text in pictures: PP-OCRv6 tiny through rapidocr, in reading order, and only what is new is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from narrator.errors import NarratorError
from narrator.messages import Box, Pixels, TextLine
from narrator.sight.weights import weights

LEAST_SCORE = 0.8
_LONGEST_SIDE = 640
_SAME_ROW, _SAME_COLUMN = 0.5, 0.2
_WORD_GAP = 1.2
"""Boxes of one row are one line when they are less than this many heights apart."""
_LIKE = 0.2
"""Texts that differ in at most this share of their letters are the same text."""
_NOT_AGAIN = 30.0
_READS = 2
_MISSED_READS = 2
_MOST_LINES = 12


class Reader:
    """One pair of models; `open` it and use it in one thread."""

    def open(self) -> None:
        """Load the models. Raises `DataFileDamaged`, `NarratorError`."""
        finder, recogniser = weights("PP-OCRv6_det_tiny.onnx"), weights("PP-OCRv6_rec_tiny.onnx")
        try:
            from rapidocr import RapidOCR
        except (ImportError, OSError) as error:
            remedy = "Install Scene Narrator again."
            raise NarratorError("The text reader cannot start.", remedy, str(error)) from error
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Det.model_path": str(finder),
                "Rec.model_path": str(recogniser),
                # its own default enlarges the short side to 736 and takes seconds
                "Det.limit_type": "max",
                "Det.limit_side_len": _LONGEST_SIDE,
                # a second thread doubles the work, waiting in a loop, and saves nothing
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def read(self, pixels: Pixels) -> tuple[TextLine, ...]:
        """The lines of an HxWx3 BGR picture with a score of at least `LEAST_SCORE`, in reading order."""
        small = _shrunk(pixels)
        result = self._engine(small)
        if result.boxes is None or result.txts is None:
            return ()
        height, width = small.shape[:2]
        lines = [
            TextLine(text.strip(), float(score), _box(corners.tolist(), width, height))
            for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True)
            if score >= LEAST_SCORE
        ]
        return joined(lines)


def joined(lines: Sequence[TextLine]) -> tuple[TextLine, ...]:
    """Boxes as lines in reading order: rows from the top, words of a row from the left, neighbours put together."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.box.centre_y):
        row = next((row for row in rows if all(_side_by_side(other.box, line.box) for other in row)), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    whole = [line for row in rows for line in _put_together(sorted(row, key=lambda line: line.box.left))]
    return tuple(line for line in whole if _is_text(line.text))


@dataclass(slots=True)
class _Known:
    line: TextLine
    reads: int = 1
    missed: int = 0


class TextMemory:
    """Knows which lines are there now, confirmed by two reads, and which were told of late."""

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._told: list[tuple[float, str]] = []

    def clear(self) -> None:
        """Another scene: nothing is there yet; what was told stays told."""
        self._known = []

    @property
    def lines(self) -> tuple[TextLine, ...]:
        """What is there to read, in reading order; of very much the largest lines."""
        confirmed: list[TextLine] = []
        for known in self._known:
            if known.reads >= _READS and not any(alike(known.line.text, line.text) for line in confirmed):
                confirmed.append(known.line)
        largest = sorted(confirmed, key=lambda line: -line.box.height)[:_MOST_LINES]
        return tuple(line for line in confirmed if line in largest)

    @property
    def unsure(self) -> bool:
        """A line was read once only: another look would tell."""
        return any(known.reads < _READS for known in self._known)

    def take(self, lines: Sequence[TextLine]) -> None:
        """Take what one read gave, in reading order."""
        before, self._known = self._known, []
        for line in lines:
            known = next((known for known in before if alike(known.line.text, line.text)), None)
            if known is None:
                self._known.append(_Known(line))
                continue
            before.remove(known)
            better = line if line.score >= known.line.score else replace(known.line, box=line.box)
            self._known.append(_Known(better, known.reads + 1))
        for known in before:
            known.missed += 1
            if known.reads >= _READS and known.missed < _MISSED_READS:
                self._known.append(known)

    def news(self, at: float) -> tuple[TextLine, ...]:
        """The lines that were not told in the last 30 s; from now (`at`, s) they are."""
        self._told = [(told_at, text) for told_at, text in self._told if at - told_at < _NOT_AGAIN]
        fresh = tuple(line for line in self.lines if not any(alike(line.text, text) for _, text in self._told))
        here = [line.text for line in self.lines]
        self._told = [told for told in self._told if not any(alike(told[1], text) for text in here)]
        self._told += [(at, text) for text in here]
        return fresh


def alike(a: str, b: str) -> bool:
    """Whether two texts differ in at most a fifth of their letters, however written."""
    a, b = "".join(a.lower().split()), "".join(b.lower().split())
    longest = max(len(a), len(b))
    if abs(len(a) - len(b)) > _LIKE * longest:
        return False
    return _edits(a, b) <= _LIKE * longest


def _edits(a: str, b: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


def _side_by_side(a: Box, b: Box) -> bool:
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    across = min(a.right, b.right) - max(a.left, b.left)
    return down > _SAME_ROW * max(a.height, b.height) and across < _SAME_COLUMN * min(a.width, b.width)


def _put_together(row: Sequence[TextLine]) -> list[TextLine]:
    whole = [row[0]]
    for line in row[1:]:
        last = whole[-1]
        # heights are parts of the picture's height and gaps of its width: for the usual 16:9 the factor is about two
        if line.box.left - last.box.right < _WORD_GAP * max(line.box.height, last.box.height) / 1.8:
            box = Box(
                last.box.left,
                min(last.box.top, line.box.top),
                max(last.box.right, line.box.right),
                max(last.box.bottom, line.box.bottom),
            )
            whole[-1] = TextLine(f"{last.text} {line.text}", min(last.score, line.score), box)
        else:
            whole.append(line)
    return whole


def _is_text(text: str) -> bool:
    """Textures are read as single signs; two letters or digits, and mostly such, are text."""
    plain = sum(sign.isalnum() for sign in text)
    return plain >= 2 and plain >= 0.5 * len(text.replace(" ", ""))


def _shrunk(pixels: Pixels) -> Pixels:
    import cv2

    rows, columns = pixels.shape[:2]
    scale = _LONGEST_SIDE / max(rows, columns)
    if scale >= 1:
        return pixels
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value] # stubs widen the type


def _box(corners: Sequence[Sequence[float]], width: int, height: int) -> Box:
    across = [min(max(x / width, 0.0), 1.0) for x, _ in corners]
    down = [min(max(y / height, 0.0), 1.0) for _, y in corners]
    return Box(min(across), min(down), max(across), max(down))
