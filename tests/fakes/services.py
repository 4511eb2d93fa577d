"""Fixtures of services that stand in for those of the world."""

from collections.abc import Iterator

import pytest
from fakes.gemini_service import GeminiService


@pytest.fixture
def gemini_service() -> Iterator[GeminiService]:
    """A Gemini of our own, at `url`."""
    with GeminiService() as service:
        yield service
