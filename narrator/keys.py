"""Placeholder until the real one lands beside it."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    value: str
    place: str


def find_key(backend_id, variables):
    for name in variables:
        if os.environ.get(name):
            return Found(os.environ[name], name)
    return None
