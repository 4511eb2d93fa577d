"""Placeholder until the real one lands beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsentPage:
    backend: str
    host: str
    title: str
    paragraphs: tuple[str, ...]
    question: str
    version: int


class Consents:
    def __init__(self, path=None, *, always: bool = False):
        self.always, self.all = always, set()

    def given(self, backend_id, host):
        return self.always or (backend_id, host) in self.all

    def give(self, backend_id, host):
        self.all.add((backend_id, host))


def page(backend_id, title, host):
    return ConsentPage(backend_id, host, f"{title} describes", ("p",), "Agree?", 1)
