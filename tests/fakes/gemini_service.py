"""A Google Gemini of our own on loopback: REST, streaming, countTokens, models, caches, files, and every way to fail.

In a test: `with GeminiService(first_token=0.2) as service:` or the fixture `gemini_service`; `service.fail("429")`
makes the next request fail. As a process: `python tests/fakes/gemini_service.py --port 0` prints its address. There
POST /control takes the fields of `Behaviour` and of `Fault` ({"fault": "429", "times": 1, "retry": 2.0, "tokens": 40};
a null fault ends all faults), GET /report tells of all requests (`?since=N` from the Nth on), POST /reset forgets them.
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

if __name__ == "__main__":  # as a program it lies outside the tests' path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.gemini_answers import Behaviour, usage
from fakes.gemini_errors import FAULTS, Fault
from fakes.gemini_http import GeminiHttp
from fakes.gemini_requests import Asked, Json, parts_of

GENERATES = ("streamGenerateContent", "generateContent")
_REMEMBERED = 20
"""Earlier requests whose beginning may still be cached."""


class GeminiService(Behaviour):
    """The service, at `url`; `calls` holds every request in the order of arrival, `asked` those for an answer."""

    def __init__(self, port: int = 0, **behaviour: Any) -> None:
        super().__init__(**behaviour)
        self.port = port
        self.calls: list[Asked] = []
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._in_flight = 0
        self._number = 0
        self._http: GeminiHttp | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Asked]:
        with self._changed:
            return [call for call in self.calls if call.method in GENERATES]

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def start(self) -> None:
        """Listen; after `stop` on the same port as before."""
        self._http = GeminiHttp(self, self.port)
        self.port = self._http.server_port

    def stop(self) -> None:
        """Drop every connection and listen no more, as a service that was killed."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set(self, **behaviour: Any) -> None:
        """Change fields of `Behaviour`."""
        known = {field.name for field in fields(Behaviour)}
        if strange := set(behaviour) - known:
            raise ValueError(f"no such setting: {', '.join(sorted(strange))}")
        for name, value in behaviour.items():
            setattr(self, name, value)

    def fail(self, name: str, **numbers: Any) -> None:
        """Let the next requests fail; the fields of `Fault` say how often and how. Faults queue up."""
        if name not in FAULTS:
            raise ValueError(f"no such fault: {name}; known: {', '.join(FAULTS)}")
        with self._changed:
            self._faults.append(Fault(name, **numbers))

    def mend(self) -> None:
        """Fail no more."""
        with self._changed:
            self._faults.clear()

    def wait_for(self, condition: Callable[[list[Asked]], object], timeout: float = 10.0) -> bool:
        """True as soon as the requests for an answer fulfil a condition, False when they do not in time."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: condition(self.asked), timeout))

    def take_fault(self, kind: str) -> Fault | None:
        """The fault that a call of this kind meets now."""
        with self._changed:
            for place, fault in enumerate(self._faults):
                if fault.on not in (kind, "all"):
                    continue
                left = fault.times - 1
                if left == 0:
                    del self._faults[place]
                elif left > 0:
                    self._faults[place] = Fault(**{**vars(fault), "times": left})
                return fault
        return None

    def arrive(self, method: str, model: str, path: str, headers: Mapping[str, str], body: Json, size: int) -> Asked:
        """Keep a request."""
        parts = parts_of(body, model, self.token_scale)
        with self._changed:
            asked = Asked(self._number, method, model, path, headers, body, size, parts=parts)
            self._number += 1
            asked.in_flight = self._in_flight
            self._in_flight += method in GENERATES
            before = [call for call in self.calls[-_REMEMBERED:] if call.method in GENERATES]
            asked.usage = usage(self, asked, 0, before)
            self.calls.append(asked)
            self._changed.notify_all()
        return asked

    def count_words(self, asked: Asked, words: int) -> Json:
        """The usage of an answer that is so many words long by now."""
        counts = dict(asked.usage)
        counts["candidatesTokenCount"] = words
        counts["totalTokenCount"] = counts["promptTokenCount"] + words + self.thoughts
        asked.usage = counts
        return counts

    def leave(self, asked: Asked) -> None:
        """A request is answered, or its client is gone."""
        with self._changed:
            self._in_flight -= asked.method in GENERATES
            if not self.keep_bodies:
                asked.headers, asked.body = {}, {}
                for part in asked.parts:
                    part.text, part.data = "", b""
            self._changed.notify_all()

    def tell(self, asked: Asked) -> None:
        """Something became of a request."""
        with self._changed:
            self._changed.notify_all()

    def control(self, wishes: Json) -> Json:
        """What POST /control does; raises `ValueError` or `TypeError` for what it does not know."""
        names = {field.name for field in fields(Fault)} - {"name"}
        numbers = {name: wishes.pop(name) for name in names & set(wishes)}
        fault = wishes.pop("fault", "")
        self.set(**wishes)
        if fault is None:
            self.mend()
        elif fault:
            self.fail(fault, **numbers)
        return {"faults": [vars(fault) for fault in self._faults]}

    def report(self, since: int = 0) -> Json:
        """What GET /report tells."""
        with self._changed:
            calls = [call for call in self.calls if call.method in GENERATES and call.number >= since]
            return {"in_flight": self._in_flight, "requests": [call.report() for call in calls]}

    def reset(self) -> None:
        """Forget all requests."""
        with self._changed:
            self.calls.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description="A Gemini of our own on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", default="{}", help="as JSON, what POST /control takes", nargs="?", const="{}")
    options = parser.parse_args()
    service = GeminiService(options.port, keep_bodies=False)
    service.control(json.loads(options.control))
    with service:
        print(service.url, flush=True)  # noqa: T201 - whoever started it waits for this
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
