"""Widgets are tested without a display; what needs a real window starts the program under Xvfb."""

import pytest


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["scene-narrator", "-platform", "offscreen"]
