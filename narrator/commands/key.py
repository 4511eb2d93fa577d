"""`scene-narrator key`: the secret key of a describer. No key is ever shown."""

import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from narrator import registry
from narrator.describers import Describers, key_of
from narrator.errors import UsageError
from narrator.messages import Notice
from narrator.models.address import TOKEN_ID, TOKEN_VARIABLES, Hub
from narrator.network import Network
from narrator.privacy import keys
from narrator.privacy.consent import Consents
from narrator.seams import BackendSpec, Context, Value
from narrator.settings import Settings, settings_file

HELP = """key set DESCRIBER            keep a key, which is asked for, or read from standard input
key test DESCRIBER           ask the service whether it takes the key
key delete DESCRIBER         forget the key that was kept
key where DESCRIBER          tell where the key is
key set hub                  keep a token for models whose terms you accepted; test, delete and where take it, too"""

_HUB = BackendSpec(
    id=TOKEN_ID,
    title="the model hub",
    help="Where models for this machine are fetched from.",
    key_variables=TOKEN_VARIABLES,
)
_LONGEST_INPUT = 100 * keys.MOST_LETTERS


def run(words: Sequence[str], changes: Mapping[str, Value] | None = None) -> int:
    """Do what the words say, with the settings as changed for this once; prints to standard output.

    Raises `UsageError` and `NarratorError`, which never hold what was typed: it may be a key.
    """
    task, *rest = words or ("",)
    if task not in _TASKS:
        raise UsageError("key needs to know what to do.", f"Choose one of: {', '.join(_TASKS)}.")
    if len(rest) > 1 and task == "set":
        remedy = f"Give {_example(task)} alone, and type the key when asked. Delete this line from the history."
        raise UsageError("A key is not given with the command: it would stay in the shell's history.", remedy)
    if len(rest) != 1:
        raise UsageError(f"key {task} needs the name of one describer.", f"For example: {_example(task)}")
    _TASKS[task](_spec(rest[0]), changes or {})
    return 0


def _set(spec: BackendSpec, changes: Mapping[str, Value]) -> None:
    host = _host(spec, changes)
    kept = keys.store_key(spec.id, _asked_for(f"{spec.title} at {host}" if host else spec.title), host)
    _print(f"The key for {spec.title} is kept {kept.place}.")
    if host:
        _print(f"It goes to {host} and to no other server.")
    if kept.replaced:
        _print(f"It takes the place of the key for {kept.replaced}, which is gone.")
    if kept.notice:
        _print_notice(kept.notice)
    used = keys.find_key(spec.id, spec.key_variables)
    if used and used.place != kept.place:
        _print(f"It is not used yet: another key, {used.place}, comes first.")
    _print(f"Try it: {_example('test', spec.id)}")


def _test(spec: BackendSpec, changes: Mapping[str, Value]) -> None:
    settings = _settings(changes)
    if spec is _HUB:
        from narrator.models.download import try_token

        _print(try_token(Hub.at(offline=settings.flag("network.offline"))))
        return

    def key(id_: str) -> str:
        return key_of(id_, _print_notice)

    network = Network()
    try:
        context = Context(settings.values, _print_notice, key=key, network=network)
        _print(Describers(Consents(), key).check(spec.id, context))
    finally:
        network.close()


def _delete(spec: BackendSpec, _: Mapping[str, Value]) -> None:
    places = keys.delete_key(spec.id)
    _print(f"The key {' and '.join(places)} is deleted." if places else f"No key for {spec.title} was kept.")
    left = keys.find_key(spec.id, spec.key_variables)
    if left:
        _print(f"There is still one {left.place}; remove it there.")


def _where(spec: BackendSpec, _: Mapping[str, Value]) -> None:
    found = list(keys.all_keys(spec.id, spec.key_variables))
    if found:
        _print(f"The key for {spec.title} is {found[0].place}{f', for {found[0].host}' if found[0].host else ''}.")
    else:
        _print(f"There is no key for {spec.title}. Set one: {_example('set', spec.id)}")
    for other in found[1:]:
        _print(f"Another one is {other.place}; it is not used.")
    for notice in (*(key.notice for key in found if key.notice), *keys.problems(spec.id, spec.key_variables)):
        _print_notice(notice)


def _settings(changes: Mapping[str, Value]) -> Settings:
    settings, notices = settings_file().load()
    for notice in notices:
        _print_notice(notice)
    return settings.with_values(changes)


def _host(spec: BackendSpec, changes: Mapping[str, Value]) -> str:
    """The host that a key is for, where keys are bound to one. Raises `UsageError` when there is none."""
    if not spec.binds_key:
        return ""
    host = registry.key_host(spec.id, _settings(changes).values)
    if not host:
        remedy = f"Say where it is: {_example('set', spec.id)} --set {spec.id}.url=https://host/v1"
        raise UsageError(f"It is not known which server the key is for: no address of {spec.title} is set.", remedy)
    return host


def _spec(name: str) -> BackendSpec:
    """The describer of this name; what is no name is not said again, as it may be a key."""
    known = {id_: cast("BackendSpec", spec) for id_, spec in registry.specs("backends").items()} | {_HUB.id: _HUB}
    taking = [id_ for id_, spec in known.items() if spec.key_variables]
    if name in taking:
        return known[name]
    sentence = f"{known[name].title} needs no key." if name in known else "There is no such describer."
    raise UsageError(sentence, f"These take a key: {', '.join(taking)}.")


def _asked_for(title: str) -> str:
    """The key, typed unseen or read from standard input."""
    try:
        if sys.stdin is not None and sys.stdin.isatty():
            return getpass.getpass(f"Paste the key for {title}, which is not shown, and press Enter: ")
        return sys.stdin.read(_LONGEST_INPUT) if sys.stdin is not None else ""
    except EOFError:
        return ""
    except UnicodeDecodeError:
        raise UsageError("This is no key: it is no text.", "Copy the key once more, and nothing else.") from None


def _print_notice(notice: Notice) -> None:
    _print(f"{notice.text} {notice.remedy}".rstrip())


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _example(task: str, id_: str = "gemini") -> str:
    return f"scene-narrator key {task} {id_}"


_TASKS: dict[str, Callable[[BackendSpec, Mapping[str, Value]], None]] = {
    "set": _set,
    "test": _test,
    "delete": _delete,
    "where": _where,
}
