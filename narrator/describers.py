"""Which describer may be used now: what the user chose, if pictures may leave this machine for it, else the own one."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from narrator import registry
from narrator.errors import BackendError, NarratorError, UsageError
from narrator.mailbox import Closed
from narrator.messages import Level, Notice
from narrator.privacy.consent import ConsentPage, Consents, page
from narrator.privacy.keys import Found, find_key, kept_for, loose_key, problems, variable_problems
from narrator.seams import BackendSpec, Context, Value

AUTO = "auto"
EMBEDDED = "embedded"
MOST_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """Of the describer that is `wanted`, the `backend` to use, the page that waits for the user's yes, and a notice.

    Those `ahead` answer before it, the fastest first.
    """

    wanted: str
    backend: str
    page: ConsentPage | None = None
    notice: Notice | None = None
    ahead: tuple[str, ...] = ()


def tiers(text: str) -> tuple[str, ...]:
    """The describers that the setting `tiers` names, the fastest first. Raises `UsageError`."""
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    if len(names) > MOST_AHEAD:
        raise UsageError(f"tiers names {len(names)} describers.", f"Name at most {MOST_AHEAD}, with a comma between.")
    for name in names:
        registry.spec_of("backends", name)
    return names


class Describers:
    """Chooses with the user's consents and keys; `key` gives a describer's key by its id, or nothing."""

    def __init__(self, consents: Consents, key: Callable[[str], str]) -> None:
        self._consents, self._key = consents, key

    def choose(self, wanted: str, options: Mapping[str, Value]) -> Choice:
        """What `wanted`, an id, `id:argument` or "auto", comes to now, with its tiers. Raises `UsageError`."""
        choice, ahead = self._chosen(wanted, options), list[str]()
        for name in tiers(str(options["tiers"])):
            tier = self._chosen(name, options)
            if tier.backend != EMBEDDED and tier.backend not in (*ahead, choice.backend):
                ahead.append(tier.backend)
            choice = replace(choice, page=choice.page or tier.page, notice=choice.notice or tier.notice)
        if wanted == EMBEDDED:  # the user wants nobody else
            return replace(choice, page=None)
        if choice.backend == EMBEDDED and ahead:
            return replace(choice, backend=ahead.pop(), ahead=tuple(ahead))
        return replace(choice, ahead=tuple(ahead))

    def _chosen(self, wanted: str, options: Mapping[str, Value]) -> Choice:
        if wanted == AUTO:
            return self._best(options)
        spec = registry.spec_of("backends", wanted)
        host = registry.destination(wanted, options)
        if host and options["network.offline"] and not is_loopback(host):
            text = f"{spec.title} needs the network, which is switched off. The built-in describer narrates."
            return Choice(wanted, EMBEDDED, notice=Notice(Level.WARNING, text, "Start without --offline to use it."))
        if not host or self._consents.given(spec.id, host):
            return Choice(wanted, wanted)
        return Choice(wanted, EMBEDDED, page=page(spec.id, spec.title, host, options))

    def check(self, id_: str, context: Context) -> str:
        """Try a describer's key and service: a sentence. May take some seconds.

        Where the key goes is judged, and settled, first: not over a network that is switched off, and to a host that
        is not the service's own only with the user's consent. Raises `NarratorError`.
        """
        settled = replace(context, options=dict(context.options))
        self._require_checkable(id_, settled.options)
        try:
            return registry.check_backend(id_, settled)
        except Closed:
            raise BackendError("The key was not tried: the program ends.") from None

    def _require_checkable(self, id_: str, options: Mapping[str, Value]) -> None:
        spec = cast("BackendSpec", registry.spec_of("backends", id_))
        host = registry.destination(id_, options)
        if host and options["network.offline"] and not is_loopback(host):
            raise NarratorError("The network is switched off, so nothing can be tested.", "Start without --offline.")
        if host and not _is_part_of(host, spec.own_domain) and not self._consents.given(spec.id, host):
            sentence = f"The key was not sent to {host}: you have not agreed to that address yet."
            raise NarratorError(sentence, f"Choose {spec.title} as the describer and answer its page first.")

    def agree(self, to: ConsentPage) -> None:
        """Keep the user's yes. Raises `SettingsUnusable` when it cannot be written; it holds until the end then."""
        self._consents.give(to.backend, to.host)

    def _best(self, options: Mapping[str, Value]) -> Choice:
        """The best describer that is ready, far away only with the user's consent; else the built-in one."""
        specs = cast("list[BackendSpec]", list(registry.specs("backends").values()))
        for spec in sorted(specs, key=lambda spec: -spec.preference):
            title = self._ready(spec, options) if spec.preference else ""
            if title:
                return Choice(AUTO, spec.id, notice=Notice(Level.INFO, f"{title} describes.", quiet=True))
        return Choice(AUTO, EMBEDDED)

    def _ready(self, spec: BackendSpec, options: Mapping[str, Value]) -> str:
        """The title of who would answer; empty when that cannot be, or not without a question."""
        host = registry.destination(spec.id, options)
        if host and options["network.offline"] and not is_loopback(host):
            return ""
        if (host and not self._consents.given(spec.id, host)) or (spec.needs_key and not self._key(spec.id)):
            return ""
        return registry.ready(spec.id, options)


def key_of(id_: str, tell: Callable[[Notice], None]) -> str:
    """The key of a describer, or nothing. `tell` hears why one that is there cannot be used, or is not safe.

    Of one whose key is bound to a host: of `id@host:port` that which is kept for it, of `id` that of the environment.
    """
    name, _, host = id_.partition("@")
    spec = cast("BackendSpec", registry.spec_of("backends", name))
    if not spec.key_variables:
        return ""
    found, notices = _key_and_notices(spec, host)
    for notice in notices:
        tell(notice)
    return found.value if found else ""


def _key_and_notices(spec: BackendSpec, host: str) -> tuple[Found | None, list[Notice]]:
    if host:
        return kept_for(spec.id, host)
    if spec.binds_key:
        found = loose_key(spec.key_variables)
        return found, [] if found else variable_problems(spec.key_variables)
    found = find_key(spec.id, spec.key_variables)
    if found is None:
        return None, problems(spec.id, spec.key_variables)
    return found, [found.notice] if found.notice else []


def _is_part_of(host: str, domain: str) -> bool:
    return bool(domain) and f".{host.lower()}".endswith(f".{domain}")


def is_loopback(host: str) -> bool:
    """True for a name or an address, with or without a port, of this machine itself."""
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    name = name.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"
