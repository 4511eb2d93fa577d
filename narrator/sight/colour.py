"""Names the dominant colour of a thing in plain words, when it is sure."""

from narrator.messages import Box, Pixels

_SIDE = 16
_SURE = 0.55
_LEAST_PIXELS = 12
_MIDDLE = (0.25, 0.2, 0.75, 0.65)
"""The part of a box that is looked at: of a person the chest, of a car the doors."""

_HUES = (
    (5, "red"),
    (20, "orange"),
    (34, "yellow"),
    (85, "green"),
    (130, "blue"),
    (150, "purple"),
    (172, "pink"),
    (181, "red"),
)
"""Upper limits on OpenCV's hue circle of 180."""


def colour(pixels: Pixels, box: Box) -> str:
    """The plain colour of the middle of a box in an HxWx3 BGR picture, "" when no colour prevails."""
    import cv2

    rows, columns = pixels.shape[:2]
    left, top, right, bottom = _MIDDLE
    x0, x1 = (int((box.left + part * box.width) * columns) for part in (left, right))
    y0, y1 = (int((box.top + part * box.height) * rows) for part in (top, bottom))
    middle = pixels[max(y0, 0) : y1, max(x0, 0) : x1]
    if min(middle.shape[:2]) * max(middle.shape[:2]) < _LEAST_PIXELS or not middle.size:
        return ""
    small = cv2.resize(middle, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    points = cv2.cvtColor(small, cv2.COLOR_BGR2HSV).reshape(-1, 3)
    names = [_name(int(hue), int(saturation), int(value)) for hue, saturation, value in points]
    most = max(set(names), key=names.count)
    return most if names.count(most) >= _SURE * len(names) else ""


def _name(hue: int, saturation: int, value: int) -> str:
    if value < 50:
        return "black"
    if saturation < 45:
        return "white" if value > 185 else "grey" if value > 75 else "black"
    if value < 80 and saturation < 110:
        return "black"
    name = next(name for limit, name in _HUES if hue < limit)
    if name in ("red", "orange", "yellow") and value < 150 and hue < 28:
        return "brown" if name != "red" or saturation < 150 else "red"
    return name
