"""The program told by its own tables: the lists of `scene-narrator list` and the generated pages of `docs/`."""

import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from narrator import actions, registry, settings
from narrator.seams import Setting, SourceSpec, Spec

_GENERATED = "<!-- Written by `scene-narrator docs`; change {origin} instead. -->\n"


def listing(kind: str) -> str:
    """What there is of "sources", "backends", "voices", "settings" or "actions", one a line."""
    tellers: dict[str, Callable[[], Iterable[tuple[str, str]]]] = {"settings": _settings, "actions": _actions}
    rows = list(tellers[kind]() if kind in tellers else _plug_ins(kind))
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def write(folder: Path) -> None:
    """Write the generated pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _pages().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def drift(folder: Path) -> list[str]:
    """The generated pages in `folder` that are missing or differ from what the code says now."""
    pages = {folder / name: text.encode() for name, text in _pages().items()}
    return [str(path) for path, text in pages.items() if not path.is_file() or path.read_bytes() != text]


def obstacle(spec: Spec) -> str:
    """Why a plug-in cannot work on this machine, as far as that is seen without running it; empty when it may."""
    if spec.platforms and sys.platform not in spec.platforms:
        return "is not for this system"
    absent = [name for name in spec.packages if not _is_installed(name)]
    if not absent:
        return ""
    return f"needs the extra {spec.extra}" if spec.extra else f"needs the Python package {', '.join(absent)}"


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _plug_ins(kind: str) -> Iterable[tuple[str, str]]:
    for spec in registry.specs(kind).values():
        example = f" For example: --source {spec.example}" if isinstance(spec, SourceSpec) and spec.example else ""
        why_not = obstacle(spec)
        yield spec.id, f"{spec.title}: {spec.help}{example}" + (f" ({why_not})" if why_not else "")


def _settings() -> Iterable[tuple[str, str]]:
    for setting in settings.declared().values():
        yield f"{setting.key}={settings.written(setting.default)}", f"{setting.help} {_range(setting).capitalize()}."


def _actions() -> Iterable[tuple[str, str]]:
    for action in actions.ACTIONS:
        yield action.id, f"{' or '.join(action.keys)}: {action.help}"


def _pages() -> dict[str, str]:
    return {"keys.md": _keys_page(), "settings.md": _settings_page()}


def _keys_page() -> str:
    parts = ["# Keys\n", _GENERATED.format(origin="narrator/actions.py"), "Every action can be reached by a key.\n"]
    for group, members in groupby(actions.ACTIONS, lambda action: action.group):
        rows = [(action.title, " or ".join(f"`{key}`" for key in action.keys), action.help) for action in members]
        parts += [f"## {group}\n", _table(("action", "keys", "what it does"), rows)]
    return "\n".join(parts)


def _settings_page() -> str:
    parts = [
        "# Settings\n",
        _GENERATED.format(origin="narrator/settings.py, or the SPEC of the plug-in,"),
        "They live in `settings.toml`; `scene-narrator doctor` names its place.",
        "`--set key=value` changes one for once.",
        "A key such as `speech.rate` is `rate` in the table `[speech]`.\n",
    ]
    declared = sorted(settings.declared().values(), key=_group)
    for group, members in groupby(declared, _group):
        rows = [
            (
                f"`{setting.key}`",
                f"`{settings.written(setting.default) or 'empty'}`",
                _range(setting),
                _meaning(setting),
            )
            for setting in members
        ]
        parts += [f"## {group.capitalize() or 'General'}\n", _table(("setting", "default", "values", "meaning"), rows)]
    return "\n".join(parts)


def _group(setting: Setting) -> str:
    return setting.key.rpartition(".")[0].partition(".")[0]


def _range(setting: Setting) -> str:
    return settings.wanted(setting) + (f", {setting.unit}" if setting.unit else "")


def _meaning(setting: Setting) -> str:
    return setting.help + (f" Starts the {setting.restarts} anew." if setting.restarts else "")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
