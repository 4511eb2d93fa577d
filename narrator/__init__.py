"""Scene Narrator without its window: looks at a source and tells, live and aloud, what happens."""

__version__ = "0.1.0"
