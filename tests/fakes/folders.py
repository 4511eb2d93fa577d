"""Keeps tests out of the user's own folders."""

import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the program keeps lies in a folder of each test's own, also for what the test starts."""
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(folder / "config"))
    monkeypatch.setenv("SCENE_NARRATOR_DATA", str(folder / "data"))
    monkeypatch.setenv("SCENE_NARRATOR_LOG", str(folder / "log"))
