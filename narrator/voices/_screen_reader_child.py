"""The child that speaks through a screen reader with prismatoid; every call to it comes from one thread."""

from typing import Any

from narrator.children import Message, Parent


def main(parent: Parent, _: list[str]) -> None:
    """Answer each `say` with `started` and `ended`; `hush` ends it early, `bye` for good."""
    try:
        import prism
    except (ImportError, OSError) as error:
        parent.send("failed", cause="package", detail=repr(error))
        return
    try:
        context = prism.Context()  # kept: the reader works only as long as it lives
        reader = context.acquire_best()
    except (prism.PrismError, RuntimeError, ValueError) as error:
        parent.send("failed", cause="engine", detail=repr(error))
        return
    parent.send("ready")
    message = parent.receive()
    while message is not None and message["kind"] != "bye":
        message = _say(parent, reader, message) if message["kind"] == "say" else parent.receive()
    reader.stop()


def _say(parent: Parent, reader: Any, message: Message) -> Message | None:
    """Speak, wait as long as that may take, and return the next message."""
    text = message["text"].replace("\0", " ").strip()
    if text:
        reader.speak(text, message["interrupt"])
        parent.send("started", seconds=message["seconds"])
    following = parent.receive(message["seconds"] if text else 0)
    if following is not None:
        reader.stop()
    parent.send("ended")
    return following or parent.receive()
