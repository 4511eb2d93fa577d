"""Fixtures that every test may use."""

import signal

pytest_plugins = [
    "fakes.capturing",
    "fakes.clips",
    "fakes.displays",
    "fakes.folders",
    "fakes.gemini_talk",
    "fakes.gguf_talk",
    "fakes.hub",
    "fakes.paid",
    "fakes.readers",
    "fakes.server_talk",
    "fakes.services",
    "fakes.sound",
    "fakes.streams",
    "fakes.tiny_vlms",
    "fakes.torch_talk",
]


def pytest_configure() -> None:
    """Have what the tests start hear Ctrl-C, which a shell turns off for what runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
