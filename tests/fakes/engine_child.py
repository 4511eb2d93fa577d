"""A model's child process that does what it is told, for tests of both ends of the pipe."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

from narrator.children import Child, Message, Parent
from narrator.engines.child import serve
from narrator.engines.failures import EngineFailed
from narrator.mailbox import Cancel


def start() -> Child:
    """The child, as `narrator.engines.parent.Engine` starts one."""
    return Child([sys.executable, "-P", __file__])


class Obedient:
    """Says `words`, `gap` seconds apart; what else a request says it does before."""

    def load(self, options: Message, tell: Callable[[str], None]) -> Message:
        for sentence in options.get("tells", ()):
            tell(sentence)
        _do(options)
        return {"pid": os.getpid()}

    def answer(self, request: Message, cancelled: Cancel) -> Iterator[Message]:
        words = request.get("words", ())
        for word in words:
            yield {"kind": "text", "text": word}
            if "gap" in request and cancelled.wait(request["gap"]):
                return
        _do(request)
        yield {"kind": "usage", "tokens_in": 10, "tokens_out": len(words), "cached": 0}


def _do(wanted: Message) -> None:
    match wanted.get("does"):
        case "fail":
            raise EngineFailed(wanted["cause"], "told to", **wanted.get("facts", {}))
        case "raise":
            raise ValueError("told to")
        case "run out of memory":
            raise MemoryError
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            os._exit(3)
        case "go on":
            time.sleep(wanted.get("seconds", 60))  # as native code does, that hears no cancel


if __name__ == "__main__":
    serve(Parent(), Obedient())
