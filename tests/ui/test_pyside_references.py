"""PySide6 6.12 on Python below 3.12 loses references to True and None until the interpreter aborts."""

import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLabel

CALLS = 100
"""True has only some 400 references at the start: more calls would abort instead of fail."""


class Emitter(QObject):
    done = Signal(object)


def drift(value: object, call: Callable[[], object]) -> float:
    """References to `value` gained or lost per call."""
    before = sys.getrefcount(value)
    for _ in range(CALLS):
        call()
    return (sys.getrefcount(value) - before) / CALLS


def test_qt_calls_keep_references(qtbot):
    emitter, label = Emitter(), QLabel()
    qtbot.addWidget(label)
    assert abs(drift(True, lambda: emitter.done.emit(1))) < 0.5
    assert abs(drift(None, lambda: label.setText("x"))) < 0.5
