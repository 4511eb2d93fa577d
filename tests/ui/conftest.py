"""Widgets are tested without a display; what needs a real window starts the program under Xvfb."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from fakes.desktop import Program, running_desktop
from PySide6.QtWidgets import QApplication

from narrator.messages import Notice
from narrator.privacy.consent import Consents
from narrator.seams import Value
from narrator.session import Session
from narrator.settings import Settings, SettingsFile
from narrator_ui.main_window import MainWindow

QUICK = {"sight.objects": False, "sight.text": False, "narration.min_gap": 0.0, "narration.cut_gap": 0.0}


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no settings, no models and no records of whoever runs the tests."""
    monkeypatch.setenv("SCENE_NARRATOR_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SCENE_NARRATOR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SCENE_NARRATOR_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["scene-narrator", "-platform", "offscreen"]


@pytest.fixture(scope="session")
def moving_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of moving shapes without a cut, 320x180 at 30 a second."""
    path = tmp_path_factory.mktemp("clips") / "moving.mp4"
    shapes = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=60")
    subprocess.run(["ffmpeg", "-loglevel", "error", *shapes, "-preset", "ultrafast", str(path)], check=True)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Writes a script and gives it as a `--backend`."""

    def write(*lines: str, word_gap: float = 0.0) -> str:
        path = tmp_path / "script.toml"
        entries = "".join(f'[[line]]\ntext = "{line}"\n' for line in lines)
        path.write_text(f"word_gap = {word_gap}\n{entries}", encoding="utf-8")
        return f"scripted:{path}"

    return write


@pytest.fixture
def undressed(qapp: QApplication) -> Iterator[QApplication]:
    """The application, whose looks are put back afterwards."""
    palette, font = qapp.palette(), qapp.font()
    yield qapp
    qapp.setStyleSheet("")
    qapp.setPalette(palette)
    qapp.setFont(font)


@pytest.fixture
def open_window(
    qtbot, undressed: QApplication, moving_clip: Path, script, tmp_path: Path
) -> Iterator[Callable[..., MainWindow]]:
    """Opens a window on a session of its own, which has started."""
    windows = []

    def open_it(
        *lines: str,
        source: str | None = None,
        word_gap: float = 0.0,
        notices: Sequence[Notice] = (),
        store: SettingsFile | None = None,
        backend: str = "",
        options: Mapping[str, Value] | None = None,
        voice: str = "silent",
    ) -> MainWindow:
        session = Session(
            Settings.defaults().with_values({**QUICK, **(options or {})}),
            source=source or str(moving_clip),
            backend=backend or script(*lines, word_gap=word_gap),
            voice=voice,
            store=store,
            consents=Consents(tmp_path / "consents.toml"),
            notices=notices,
        )
        window = MainWindow(session, undressed)
        qtbot.addWidget(window)
        windows.append(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(lambda: _is_active(window))
        session.start()
        return window

    yield open_it
    for window in windows:
        window.close()


def _is_active(window: MainWindow) -> bool:
    """Whether the window is in front, or the first question that it asks."""
    active = QApplication.activeWindow()
    return active is not None and window in (active, active.parent())


@pytest.fixture(scope="session")
def desktop() -> Iterator[str]:
    """The name of a display with a window manager."""
    with running_desktop() as display:
        yield display


@pytest.fixture
def start_program(desktop: str, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts `scene-narrator` with the arguments given, on the desktop."""
    programs = []

    def start(*arguments: str, environment: Mapping[str, str] | None = None) -> Program:
        quick = [f"--set={key}={value}" for key, value in QUICK.items()]
        command = [sys.executable, "-m", "narrator", *arguments, *quick, "--events", str(tmp_path / "events.jsonl")]
        programs.append(Program(desktop, tmp_path, *command, environment=environment))
        return programs[-1]

    yield start
    for program in programs:
        program.end()
