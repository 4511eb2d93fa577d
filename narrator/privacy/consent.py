"""Whether pictures may go to a describer far away: the page that asks, and the answers that were given."""

import json
import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from narrator.errors import SettingsUnusable
from narrator.mailbox import Guarded
from narrator.privacy.files import put_aside, write_private
from narrator.resources import resource
from narrator.seams import Value
from narrator.settings import Settings, config_folder

_log = logging.getLogger(__name__)
_ANY = "any"
_COMMENT = "# Where pictures may go, and since when. Delete an entry, or the file, and you are asked again.\n"


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """What the user is asked before the first picture goes to `host`; `version` is that of the text."""

    backend: str
    host: str
    title: str
    paragraphs: tuple[str, ...]
    question: str
    version: int


@dataclass(frozen=True, slots=True)
class _Consent:
    """A yes holds for one describer, one host and one version of the text: when one changes the user is asked again."""

    backend: str
    host: str
    version: int


class Consents:
    """The user's answers, in the file `path`, by default in the configuration folder; from any thread.

    With `always` everything is agreed to, and nothing written.
    """

    def __init__(self, path: Path | None = None, *, always: bool = False) -> None:
        self._path = path or config_folder() / "consents.toml"
        self._always = always
        self._unwritten: Guarded[dict[_Consent, bool]] = Guarded({})

    def given(self, backend_id: str, host: str) -> bool:
        """True when the user agreed to the page as it is today."""
        if self._always:
            return True
        wanted = _consent(backend_id, host)
        with self._unwritten as unwritten:
            return unwritten.get(wanted, wanted in self._stored())

    def give(self, backend_id: str, host: str) -> None:
        """Keep a yes. Raises `SettingsUnusable` when it cannot be written; it holds until the end then."""
        self._change(_consent(backend_id, host), is_given=True)

    def revoke(self, backend_id: str, host: str) -> None:
        """Forget a yes. Raises `SettingsUnusable` when that cannot be written; it holds until the end then."""
        self._change(_consent(backend_id, host), is_given=False)

    def _change(self, consent: _Consent, *, is_given: bool) -> None:
        if self._always:
            return
        with self._unwritten as unwritten:
            unwritten[consent] = is_given
            stored = self._stored()
            others = {
                other: day
                for other, day in stored.items()
                if (other.backend, other.host) != (consent.backend, consent.host)
            }
            self._write({**others, consent: datetime.now().astimezone().date()} if is_given else others)
            del unwritten[consent]

    def _stored(self) -> dict[_Consent, date | None]:
        """Those in the file, with their days; none when it is damaged, and then it is kept aside."""
        try:
            entries = tomllib.loads(self._path.read_text(encoding="utf-8-sig")).get("consent", [])
            return dict(_read(entry) for entry in entries)
        except FileNotFoundError:
            return {}
        except OSError as error:
            _log.warning("The consents cannot be read: %s", error)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            _log.warning("The file of consents is damaged; kept as %s", put_aside(self._path))
        return {}

    def _write(self, consents: Mapping[_Consent, date | None]) -> None:
        try:
            write_private(self._path, _COMMENT + "".join(_entry(*item) for item in consents.items()))
        except OSError as error:
            remedy = f"Make the folder {self._path.parent} writable; until then your answer lasts until you quit."
            raise SettingsUnusable("Your answer could not be saved.", remedy, str(error)) from error


def page(backend_id: str, title: str, host: str, options: Mapping[str, Value] | None = None) -> ConsentPage:
    """What to ask before a describer, which a sentence calls `title`, sends pictures to `host`.

    The limits of spending are those of `options`, or the defaults. Raises `DataFileDamaged`.
    """
    text = _text(backend_id)
    words = {"title": title, "host": host, **_receiver(text, host), **_money(options or Settings.defaults().values)}
    paragraphs = tuple(paragraph.format(**words) for paragraph in text["paragraphs"])
    heading, question = text["title"].format(**words), text["question"].format(**words)
    return ConsentPage(backend_id, host, heading, paragraphs, question, text["version"])


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resource("consent.toml").read_text(encoding="utf-8"))


def _text(backend_id: str) -> dict[str, Any]:
    return dict(_texts().get(backend_id) or _texts()[_ANY])


def _receiver(text: Mapping[str, Any], host: str) -> dict[str, str]:
    """Who is behind a host, and on what terms; where another page tells that, as it stands there."""
    entries = (entry for entry in text.get("receivers", ()) if _is_part_of(host, entry["host"]))
    entry: dict[str, str] = next(entries, {})
    return _receiver(_texts()[entry["same_as"]], host) if "same_as" in entry else dict(entry, host=host)


def _is_part_of(host: str, domain: str) -> bool:
    return not domain or f".{host.lower()}".endswith(f".{domain}")


def _money(options: Mapping[str, Value]) -> dict[str, str]:
    sentences = _texts()["money"]
    told = {"pace": sentences["pace"].format(amount=_dollars(float(options["spending.pace"])))}
    for cap in ("hour", "day"):
        amount = float(options[f"spending.{cap}"])
        told[cap] = sentences[cap if amount else f"{cap}_unlimited"].format(amount=_dollars(amount))
    return told


def _dollars(amount: float) -> str:
    """As it is read aloud: "30 cents", "2 dollars", "2.50 dollars"."""
    cents = round(amount * 100)
    if cents < 100:
        return f"{cents} cent{'' if cents == 1 else 's'}"
    if cents % 100:
        return f"{cents / 100:.2f} dollars"
    return f"{cents // 100} dollar{'' if cents == 100 else 's'}"


def _consent(backend_id: str, host: str) -> _Consent:
    return _Consent(backend_id, host.lower(), _text(backend_id)["version"])


def _read(entry: Mapping[str, Any]) -> tuple[_Consent, date | None]:
    backend, host, version, day = entry["backend"], entry["host"], entry["version"], entry.get("given_on")
    if not (isinstance(backend, str) and isinstance(host, str) and type(version) is int):
        raise TypeError
    return _Consent(backend, host, version), day if isinstance(day, date) else None


def _entry(consent: _Consent, day: date | None) -> str:
    given = f"given_on = {day:%Y-%m-%d}\n" if day else ""
    names = f"backend = {json.dumps(consent.backend)}\nhost = {json.dumps(consent.host)}\n"
    return f"\n[[consent]]\n{names}version = {consent.version}\n{given}"
