"""Fixtures that every test may use."""

pytest_plugins = [
    "fakes.capturing",
    "fakes.clips",
    "fakes.displays",
    "fakes.folders",
    "fakes.gemini_talk",
    "fakes.readers",
    "fakes.services",
    "fakes.sound",
    "fakes.streams",
]
