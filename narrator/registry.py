"""Lists the plug-ins by their `SPEC` and creates one on demand; nothing heavy is imported on the way."""

import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast
from urllib.parse import unquote

from narrator.errors import UsageError
from narrator.seams import Backend, Context, Setting, Source, SourceSpec, Spec, Value, Voice, VoiceSpec

KINDS = ("sources", "backends", "voices")
_HOST = re.compile(r"([\w.-]*|\[[0-9a-fA-F:.%\w]*\])(:\d{0,5})?")
_SECRET = re.compile(r"[=&;]|pass|pwd|user|usr|login|token|secret|auth|cred|key|admin", re.IGNORECASE)
"""What may go before a name or a password in the path of a URL, as `/user=admin&password=...` of many a camera."""


def specs(kind: str) -> dict[str, Spec]:
    """The plug-ins of a kind ("sources", "backends" or "voices") by id, in alphabetical order."""
    return {name: module.SPEC for name, module in _modules(kind).items()}


def settings() -> Iterator[Setting]:
    """What the plug-ins of every kind declare."""
    for kind in KINDS:
        for spec in specs(kind).values():
            yield from spec.settings


def source_spec(address: str) -> SourceSpec:
    """Which source a `--source` text means; an existing path wins over a scheme. Raises `UsageError`."""
    return cast("SourceSpec", _source_module(address).SPEC)


def source_title(address: str) -> str:
    """What a sentence calls the source of a `--source` text: "camera 0", "the stream". Raises `UsageError`."""
    module = _source_module(address)
    return str(module.title(address)) if hasattr(module, "title") else cast("str", module.SPEC.title)


def source_choices() -> list[tuple[str, str]]:
    """What this machine offers to look at now: texts for `--source`, each with its title. May take a second."""
    modules = _modules("sources").values()
    return [choice for module in modules if hasattr(module, "choices") for choice in module.choices()]


def without_secrets(address: str) -> str:
    """A `--source` text as it may be shown and logged; it differs from `address` wherever anything is hidden.

    Of a URL go the user's name, the password, the query, and any path or host that may hold one of them. What cannot be
    encoded is replaced.
    """
    address = address.encode("utf-8", "replace").decode()
    scheme, _, rest = address.partition(":")
    if not _is_url(scheme.strip().lower(), rest):
        return address
    authority, tail = _split(rest.lstrip("/\\"), "/\\?#")
    user, _, host = authority.rpartition("@")
    path, query = _split(tail, "?#")
    is_torn = "@" in path or ("@" in query and not (user and path))  # the host is behind that sign, if anywhere
    if is_torn or not _HOST.fullmatch(host):
        return f"{scheme}://…"
    if _SECRET.search(unquote(path)):
        return f"{scheme}://{host}/…"
    return f"{scheme}://{host}{path}" if user or query else address


def create_source(address: str, context: Context) -> Source:
    """The source for a `--source` text, not yet open. Raises `UsageError`."""
    return cast("Source", _source_module(address).create(address, context))


def create_backend(text: str, context: Context) -> Backend:
    """The backend for an id, or `id:argument`, not yet open. Raises `UsageError`."""
    module, argument = _named("backends", text)
    return cast("Backend", module.create(argument, context))


def destination(text: str, options: Mapping[str, Value]) -> str:
    """The host that the backend of `id` or `id:argument` sends pictures to; empty when they stay on this machine."""
    module, _ = _named("backends", text)
    return str(module.destination(options)) if module.SPEC.is_remote else ""


def ready(text: str, options: Mapping[str, Value]) -> str:
    """The title of who would answer, from what is on this machine and in the settings; empty when nobody would."""
    module, _ = _named("backends", text)
    return str(module.ready(options)) if hasattr(module, "ready") else str(module.SPEC.title)


def check_backend(id_: str, context: Context) -> str:
    """Try a remote backend's key and service: a sentence about it. Raises `BackendError`, `UsageError`."""
    module, _ = _named("backends", id_)
    if not module.SPEC.is_remote:
        raise UsageError(f"{module.SPEC.title} needs no key.")
    return str(module.check(context))


def key_host(id_: str, options: Mapping[str, Value]) -> str:
    """The "host:port" that a key of this backend would be for; empty without one, and when keys are not bound."""
    module, _ = _named("backends", id_)
    return str(module.key_host(options)) if module.SPEC.binds_key else ""


def offers(id_: str, key: str, listed: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """What a setting of a backend may well be, each value with its title; empty when the backend names nothing.

    `listed` are the models that its service has, when it is known (`Context.offered`).
    """
    module, _ = _named("backends", id_)
    return list(module.offers(key, listed)) if hasattr(module, "offers") else []


def ignored(id_: str, options: Mapping[str, Value]) -> dict[str, str]:
    """The settings of a backend that have no effect beside the others, by key, each with the reason."""
    module, _ = _named("backends", id_)
    return dict(module.ignored(options)) if hasattr(module, "ignored") else {}


def create_voice(text: str, context: Context) -> Voice:
    """The voice for an id, or `id:argument`, not yet open. Raises `UsageError`."""
    module, argument = _named("voices", text)
    return cast("Voice", module.create(argument, context))


def spec_of(kind: str, text: str) -> Spec:
    """The SPEC of `id` or `id:argument`. Raises `UsageError` that names the nearest id."""
    return cast("Spec", _named(kind, text)[0].SPEC)


def is_heard(text: str) -> bool:
    """False for a voice that makes no sound of its own. Raises `UsageError`."""
    return cast("VoiceSpec", spec_of("voices", text)).is_heard


def default_voice(platform: str = sys.platform) -> str:
    """The id of the voice that `auto` means on this kind of system."""
    voices = cast("dict[str, VoiceSpec]", specs("voices"))
    fitting = [id_ for wanted in (platform, "*") for id_, spec in voices.items() if wanted in spec.default_on]
    return fitting[0]


@cache
def _modules(kind: str) -> dict[str, ModuleType]:
    package = import_module(f"narrator.{kind}")
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))
    modules = [import_module(f"narrator.{kind}.{name}") for name in names]
    return {module.SPEC.id: module for module in modules}


def _named(kind: str, text: str) -> tuple[ModuleType, str]:
    name, _, argument = text.partition(":")
    modules = _modules(kind)
    if name not in modules:
        near = get_close_matches(name, modules, 1, 0.4)
        hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(modules)}."
        raise UsageError(f"There is no {kind.removesuffix('s')} called {name}.", hint)
    return modules[name], argument


def _source_module(address: str) -> ModuleType:
    if not address.strip():
        raise UsageError("No source was given.", "For example: --source camera:0")
    modules = _modules("sources")
    path = Path(os.path.expanduser(address))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that is too long
        return _for_path(path, modules)
    scheme = address.partition(":")[0].lower()
    for module in modules.values():
        if scheme in module.SPEC.schemes:
            return module
    known = sorted(scheme for module in modules.values() for scheme in module.SPEC.schemes)
    near, is_url = get_close_matches(scheme, known, 1, 0.7), "://" in address
    if near and (is_url or (not path.suffix and path.name == str(path))):
        raise UsageError(f"There is no source called {scheme}.", f"Did you mean {near[0]}?")
    if is_url:
        raise UsageError(f"There is no source called {scheme}.", f"Choose one of: {', '.join(known)}, or a file.")
    return _for_path(path, modules)


def _is_url(scheme: str, rest: str) -> bool:
    """Whether a text is a network address, a mistyped one included; a drive letter is no scheme."""
    spec_of_scheme = {name: module.SPEC for module in _modules("sources").values() for name in module.SPEC.schemes}
    if scheme in spec_of_scheme:
        return bool(spec_of_scheme[scheme].needs_network) or rest.startswith("//")
    return rest.startswith("//") or (len(scheme) > 1 and scheme.isalnum() and rest.startswith("/"))


def _split(text: str, marks: str) -> tuple[str, str]:
    """The text before the first of the marks, and the rest from there on."""
    at = min((found for mark in marks if (found := text.find(mark)) >= 0), default=len(text))
    return text[:at], text[at:]


def _for_path(path: Path, modules: dict[str, ModuleType]) -> ModuleType:
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        return next(module for module in modules.values() if module.SPEC.folders)
    suffix = path.suffix.lower()
    by_suffix = [module for module in modules.values() if suffix in module.SPEC.suffixes]
    return by_suffix[0] if by_suffix else next(m for m in modules.values() if "*" in m.SPEC.suffixes)
