"""Every setting, declared once: TOML, `--set`, the preferences and `docs/settings.md` all come from here."""

import math
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from narrator import registry
from narrator.core_settings import CORE
from narrator.errors import SettingsUnusable, UsageError
from narrator.mailbox import Guarded
from narrator.messages import Level, Notice
from narrator.privacy.files import put_aside, write_private
from narrator.seams import Setting, Value

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

_APP = "scene-narrator"
_TRUTH = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(("false", "off", "no", "0"), False)
_UNUSABLE = (OSError, ValueError, RecursionError)
"""What reading a bad file raises; TOML's own errors and those of its encoding are ValueErrors."""
_MOST_NOTICES = 3
"""Of a file full of mistakes only so many are told one by one."""


@cache
def declared() -> dict[str, Setting]:
    """Every setting of the core and of the plug-ins, by key."""
    return {setting.key: setting for setting in (*CORE, *registry.settings())}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force. It never changes: `with_values` gives a new one."""

    values: Mapping[str, Value]

    @classmethod
    def defaults(cls) -> "Settings":
        return cls({key: setting.default for key, setting in declared().items()})

    def with_values(self, changes: Mapping[str, Value]) -> "Settings":
        """A copy with these values, each checked. Raises `UsageError`."""
        return Settings({**self.values, **{key: checked(key, value) for key, value in changes.items()}})

    def number(self, key: str) -> float:
        return float(self.values[key])

    def whole(self, key: str) -> int:
        return int(self.values[key])

    def text(self, key: str) -> str:
        return str(self.values[key])

    def flag(self, key: str) -> bool:
        return bool(self.values[key])


class InForce(Mapping[str, Value]):
    """The values of the moment, whenever they are looked at."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def __getitem__(self, key: str) -> Value:
        return self._settings().values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings().values)

    def __len__(self) -> int:
        return len(self._settings().values)


def checked(key: str, value: object) -> Value:
    """A value of the setting's own type within its range. Raises `UsageError` with the nearest key or the range."""
    setting = _find(key)
    remedy = f"For example: {key}={written(setting.default) or 'text'}"
    if type(setting.default) is float and type(value) is int:
        value = float(value) if abs(value) < 2**53 else math.inf  # a longer number need not fit into a float at all
    if type(value) is not type(setting.default):
        raise UsageError(f"{key} must be {wanted(setting)}.", remedy)
    assert isinstance(value, bool | int | float | str)
    if not _in_range(setting, value):
        raise UsageError(f"{key} must be {wanted(setting)}, not {str(value)[:40]}.", remedy)
    return value


def parsed(assignment: str) -> tuple[str, Value]:
    """`key=value`, as given to `--set`, typed by the setting. Raises `UsageError`."""
    key, equals, text = assignment.partition("=")
    key, text = key.strip(), text.strip()
    if not key:
        raise UsageError("--set needs the name of a setting.", "For example: --set speech.rate=250")
    setting = _find(key)
    if not equals:
        raise UsageError(f"--set {key} has no value.", f"For example: --set {key}={written(setting.default) or 'text'}")
    return key, checked(key, _typed(text, type(setting.default)))


def written(value: Value) -> str:
    """A value as `--set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def wanted(setting: Setting) -> str:
    """What a value of this setting must be, in words."""
    if setting.choices:
        return "one of " + ", ".join(setting.choices)
    kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(setting.default)]
    low, high = (None if bound is None else _plain(bound) for bound in (setting.minimum, setting.maximum))
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    if low is not None:
        return f"{kind}, {low} or more"
    return kind if high is None else f"{kind}, {high} or less"


class SettingsFile:
    """The user's settings on disk: only what differs from the defaults, comments kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = Guarded(None)

    def load(self) -> tuple[Settings, list[Notice]]:
        """The settings, and what the user must know. An unusable file is kept aside as `.bad`."""
        try:
            stored = self._stored()
        except _UNUSABLE as error:
            return Settings.defaults(), [self._notice_of(error)]
        settings, mistakes = Settings.defaults(), []
        for key, value in stored:
            try:
                settings = settings.with_values({key: checked(key, value)})
            except UsageError as error:
                mistakes.append(error)
        return settings, _notices_of(mistakes)

    def damage(self) -> str:
        """How the file fails, "cannot be read" or "is damaged"; empty when it is sound or not there."""
        try:
            self._stored()
        except _UNUSABLE as error:
            return _failing(error)
        return ""

    def save(self, changes: Mapping[str, Value]) -> None:
        """Write these values, leave the rest of the file as it is; from any thread. Raises `SettingsUnusable`."""
        import tomlkit

        try:
            with self._writing:  # two who read, change and write at once would lose one change
                if self.damage():
                    put_aside(self.path)
                document = tomlkit.parse(self._text())
                for key, value in changes.items():
                    _put(document, key, value)
                write_private(self.path, tomlkit.dumps(document))
        except (*_UNUSABLE, tomlkit.exceptions.TOMLKitError) as error:
            remedy = f"Make the folder {self.path.parent} writable; until then changes last until you quit."
            raise SettingsUnusable("The settings could not be saved.", remedy, str(error)) from error

    def _stored(self) -> list[tuple[str, object]]:
        return list(_flat(tomllib.loads(self._text())))

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark first
        except FileNotFoundError:
            return ""

    def _notice_of(self, error: Exception) -> Notice:
        aside = put_aside(self.path)
        kept = f"The old file is kept as {aside}." if aside else f"Look at the file {self.path}."
        return Notice(Level.WARNING, f"The settings file {_failing(error)}; the defaults are used.", kept)


def config_folder() -> Path:
    """Where the user's settings live; `SCENE_NARRATOR_CONFIG` names another place."""
    return _folder("SCENE_NARRATOR_CONFIG", lambda: _platform_dirs().user_config_path)


def log_folder() -> Path:
    """Where the log lives; `SCENE_NARRATOR_LOG` names another place."""
    return _folder("SCENE_NARRATOR_LOG", lambda: _platform_dirs().user_log_path)


def data_folder() -> Path:
    """Where what is large lives, models above all; `SCENE_NARRATOR_DATA` names another place."""
    return _folder("SCENE_NARRATOR_DATA", lambda: _platform_dirs().user_data_path)


def settings_file() -> SettingsFile:
    return SettingsFile(config_folder() / "settings.toml")


def _platform_dirs() -> "PlatformDirs":
    import platformdirs

    return platformdirs.PlatformDirs(_APP, appauthor=False)


def _folder(variable: str, default: Callable[[], Path]) -> Path:
    return Path(os.environ[variable]) if os.environ.get(variable) else default()


def _find(key: str) -> Setting:
    if key in declared():
        return declared()[key]
    near = get_close_matches(key, declared(), 1, 0.4)
    hint = f"Did you mean {near[0]}?" if near else "scene-narrator list settings shows them all."
    raise UsageError(f"There is no setting called {key}.", hint)


def _typed(text: str, kind: type) -> object:
    """The text as `kind`, or unchanged when it is no such thing, so that `checked` can say what is wanted."""
    if kind is bool:
        return _TRUTH.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def _in_range(setting: Setting, value: Value) -> bool:
    if setting.choices:
        return value in setting.choices
    if isinstance(value, bool | str):
        return True
    low = -math.inf if setting.minimum is None else setting.minimum
    high = math.inf if setting.maximum is None else setting.maximum
    return low <= value <= high and abs(value) != math.inf


def _put(document: MutableMapping[str, object], key: str, value: Value) -> None:
    """Set a dotted key; what stands where a table belongs gives way."""
    import tomlkit

    *tables, name = key.split(".")
    place = document
    for table in tables:
        if not isinstance(place.get(table), MutableMapping):
            place[table] = tomlkit.table()
        place = cast("MutableMapping[str, object]", place[table])
    place[name] = value


def _failing(error: Exception) -> str:
    return "cannot be read" if isinstance(error, OSError) else "is damaged"


def _plain(number: float) -> str:
    """Without the exponent that nobody reads: 16000000, 0.5."""
    return str(int(number)) if float(number).is_integer() else str(number)


def _notices_of(mistakes: Sequence[UsageError]) -> list[Notice]:
    told = [
        Notice(Level.WARNING, f"A setting was left out: {mistake.sentence}", mistake.remedy)
        for mistake in mistakes[:_MOST_NOTICES]
    ]
    more = len(mistakes) - len(told)
    if more > 0:
        told.append(Notice(Level.WARNING, f"{more} more settings were left out.", "Look at the settings file."))
    return told


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
