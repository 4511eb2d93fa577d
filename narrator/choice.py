"""What is taken where the user left the choice to us."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from narrator import registry
from narrator.describers import AUTO, is_loopback, tiers
from narrator.errors import UsageError
from narrator.language import styles
from narrator.messages import Level, Notice
from narrator.seams import Value
from narrator.settings import Settings, declared


def usable(settings: Settings, notices: list[Notice]) -> tuple[Settings, list[Notice]]:
    """What was loaded, with the default for each plug-in that is not there (any more), and a notice of it."""
    for kind, key in (("backends", "backend"), ("voices", "voice"), ("sources", "source")):
        value = settings.text(key)
        try:
            if kind == "sources" and value:
                registry.source_spec(value)
            elif value not in ("", "auto"):
                registry.spec_of(kind, value)
        except UsageError as error:
            notices = [*notices, Notice(Level.WARNING, f"A setting was left out: {error.sentence}", error.remedy)]
            settings = settings.with_values({key: declared()[key].default})
    try:
        tiers(settings.text("tiers"))
    except UsageError as error:
        notices = [*notices, Notice(Level.WARNING, f"A setting was left out: {error.sentence}", error.remedy)]
        settings = settings.with_values({"tiers": ""})
    return settings, notices


def require_plug_ins(changes: Mapping[str, Value]) -> None:
    """Find out whether the plug-ins that are named exist before anything is changed. Raises `UsageError`."""
    if "source" in changes:
        registry.source_spec(str(changes["source"]))
    if changes.get("backend", AUTO) != AUTO:
        registry.spec_of("backends", str(changes["backend"]))
    tiers(str(changes.get("tiers", "")))
    if "narration.style" in changes:
        styles.find(str(changes["narration.style"]))
    if "voice" in changes:
        registry.spec_of("voices", chosen_voice(str(changes["voice"])))


def require_reachable(source: str, settings: Settings) -> None:
    """Refuse a source on the network while the network is switched off. Raises `UsageError`."""
    if not settings.flag("network.offline") or not registry.source_spec(source).needs_network:
        return
    if not is_loopback(urlsplit(source).netloc.rpartition("@")[2]):
        sentence = "This stream is on the network, and the network is switched off."
        raise UsageError(sentence, "Start without --offline, or choose a camera, a screen or a file.")


def chosen_voice(text: str) -> str:
    """What `auto` means on this machine."""
    return registry.default_voice() if text == "auto" else text


def without_effect(backend: str, assigned: Mapping[str, Value], settings: Settings) -> list[Notice]:
    """A notice for each setting that the user just gave and that the describer, or its model, does not honour."""
    id_, _, model = backend.partition(":")
    if id_ == AUTO:
        return []
    options = {**settings.values, f"{id_}.model": model} if model else settings.values
    ignored = registry.ignored(id_, options)
    return [Notice(Level.WARNING, f"{key} has no effect: {ignored[key]}") for key in assigned if key in ignored]


def chosen_source(settings: Settings) -> tuple[str, list[Notice]]:
    """What to look at when nobody says: the last source, else a camera, else the demo, which is told."""
    if settings.text("source"):
        return settings.text("source"), []
    cameras = [address for address, _ in registry.source_choices() if address.startswith("camera:")]
    if cameras:
        return cameras[0], []
    remedy = "Give a source, for example: scene-narrator --source screen"
    return "demo", [Notice(Level.INFO, "No camera was found, so the demo is shown.", remedy)]
