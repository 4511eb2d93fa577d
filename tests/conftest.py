"""Fixtures that every test may use."""

pytest_plugins = [
    "fakes.capturing",
    "fakes.clips",
    "fakes.displays",
    "fakes.folders",
    "fakes.gemini_talk",
    "fakes.paid",
    "fakes.readers",
    "fakes.services",
    "fakes.sound",
    "fakes.streams",
]
