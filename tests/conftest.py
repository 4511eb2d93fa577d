"""Fixtures that every test may use."""

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
