"""What the window can have done with the key of a describer."""

from collections.abc import Callable, Mapping

from narrator import registry
from narrator.errors import UsageError
from narrator.privacy import keys
from narrator.seams import BackendSpec, Value
from narrator_ui.key_box import KeyActions

_NO_HOST = "It is not known which server this key is for, so it was not kept."
_ADDRESS_FIRST = "Give the server's address first, in the field URL below."


def _nobody() -> None:
    """Stands in where nobody uses the key now."""


def key_actions(
    spec: BackendSpec,
    values: Callable[[], Mapping[str, Value]],
    check: Callable[[], str],
    changed: Callable[[], None] = _nobody,
) -> KeyActions:
    """Finds, keeps and deletes its key; one that is bound is for the server that the settings in force name.

    `changed` is called when another key is kept, or none any more.
    """

    def host() -> str:
        return registry.key_host(spec.id, values()) if spec.binds_key else ""

    def find() -> str:
        if spec.binds_key:
            return _bound(spec, host())
        found = keys.find_key(spec.id, spec.key_variables)
        return _described(found) if found else ""

    def store(key: str) -> str:
        place = host()
        if spec.binds_key and not place:
            raise UsageError(_NO_HOST, _ADDRESS_FIRST)
        told, loose = _described(keys.store_key(spec.id, key, place)), keys.loose_key(spec.key_variables)
        changed()
        return f"{told} It is not used while there is one {loose.place}." if loose else told

    def delete() -> str:
        places = keys.delete_key(spec.id)
        changed()
        return "The key is deleted." if places else "No key is stored on this computer."

    return KeyActions(find, store, delete, check)


def _bound(spec: BackendSpec, host: str) -> str:
    """Of keys that are for one server each: that of the environment, that of this host, or else that of another."""
    if loose := keys.loose_key(spec.key_variables):
        return f"{_described(loose)} It goes to the address that is set below."
    kept = list(keys.all_keys(spec.id, ()))
    found = next((key for key in kept if key.host == host), None)
    if found and host:
        return _described(found)
    if not kept:
        return ""
    other = kept[0].host or "no server"
    sent = f"is not sent to {host}" if host else "is sent nowhere: no address is set"
    return f"The key that is {kept[0].place} is for {other} and {sent}. A new key takes its place."


def _described(found: keys.Found) -> str:
    """Where a key is, whom it is for, and what the user must know of that place."""
    whom = f" for {found.host}" if found.host else ""
    replaced = f" It takes the place of the key for {found.replaced}, which is gone." if found.replaced else ""
    notice = f" {found.notice.text} {found.notice.remedy}".rstrip() if found.notice else ""
    return f"There is a key{whom} {found.place}.{replaced}{notice}"
