"""Describes with Google's Gemini, from the newest picture and a memory of older ones; needs a key and the network.

This module tells what there is to know before; what it needs for more is imported with the first use.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from narrator.seams import Backend, BackendSpec, Context, Setting, Value

if TYPE_CHECKING:
    from datetime import date

    from narrator.backends._gemini_models import Model

_LEVELS = ("low", "medium", "high", "ultra_high")

SPEC = BackendSpec(
    id="gemini",
    title="Gemini",
    help="Google's model describes the pictures. It needs a key, and pictures leave this computer.",
    packages=("google.genai",),
    extra="gemini",
    is_remote=True,
    key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    own_domain="googleapis.com",
    needs_key=True,
    preference=30,
    settings=(
        Setting("gemini.model", "", "Which model answers; empty for the recommended one.", restarts="backend"),
        Setting(
            "gemini.thinking",
            "auto",
            "How much it thinks first; auto is the least that the model allows.",
            choices=("auto", "off", "minimal", "low", "medium", "high"),
        ),
        Setting(
            "gemini.media_resolution",
            "auto",
            "The finest detail that a picture is sent with.",
            choices=("auto", *_LEVELS),
            restarts="backend",
        ),
        Setting(
            "gemini.min_gap",
            6.0,
            "Least time between two requests that no scene cut causes.",
            0,
            600,
            unit="s",
            restarts="backend",
        ),
        Setting("gemini.max_tokens", 0, "Most tokens of an answer; 0 for as many as the detail needs.", 0, 65_536),
        Setting("gemini.temperature", -1.0, "How freely it chooses words; -1 for the model's own.", -1, 2),
        Setting("gemini.top_p", -1.0, "Which share of the likely words counts; -1 for the model's own.", -1, 1),
        Setting("gemini.top_k", -1, "How many of the likely words count; -1 for the model's own.", -1, 1000),
        Setting("gemini.stop", "", "Texts at which an answer ends, with | between them; they are not spoken."),
        Setting(
            "gemini.safety",
            "default",
            "What it declines to describe, in the service's own words.",
            choices=(
                "default",
                "off",
                "block_none",
                "block_only_high",
                "block_medium_and_above",
                "block_low_and_above",
            ),
        ),
        Setting("gemini.search", False, "Questions may search the web with Google; it costs extra."),
        Setting("gemini.vertex", False, "Use Vertex AI in place of the Gemini API.", restarts="backend"),
        Setting("gemini.project", "", "Vertex AI: the project; empty for a key in express mode.", restarts="backend"),
        Setting("gemini.location", "global", "Vertex AI: the region that answers.", restarts="backend"),
        Setting(
            "gemini.base_url",
            "",
            "Another address of the service, for a proxy; empty for Google's own.",
            restarts="backend",
        ),
        Setting("gemini.api_version", "v1beta", "Version of the service's interface.", restarts="backend"),
        Setting(
            "gemini.first_word_within",
            8.0,
            "How long to wait for the first word.",
            0.1,
            120,
            unit="s",
            restarts="backend",
        ),
        Setting(
            "gemini.answer_within",
            20.0,
            "How long to wait for the whole answer.",
            0.1,
            600,
            unit="s",
            restarts="backend",
        ),
    ),
)


def create(argument: str, context: Context) -> Backend:
    """`argument` is a model's id, which counts before the setting."""
    from narrator.backends._gemini_backend import Gemini

    return Gemini(argument, context)


def destination(options: Mapping[str, Value]) -> str:
    """The host that pictures go to."""
    from narrator.backends._gemini_client import Service

    return Service.of(options).host


def check(context: Context) -> str:
    """Ask the service to count the tokens of a word: a sentence that it works. Raises `BackendError`."""
    from narrator.backends._gemini_backend import try_out

    return try_out(context)


def ignored_settings(model: str = "") -> tuple[str, ...]:
    """The keys of the settings that a model does not honour; of the recommended one when `model` is empty."""
    from narrator.backends._gemini_models import catalogue

    ignored = catalogue().model(model or catalogue().default).ignored()
    return tuple(setting.key for setting in SPEC.settings if setting.key.removeprefix("gemini.") in ignored)


def ignored(options: Mapping[str, Value]) -> dict[str, str]:
    """The settings that have no effect with the chosen model, by key, each with the reason."""
    from narrator.backends._gemini_models import catalogue

    name = str(options["gemini.model"])
    title = catalogue().model(name or catalogue().default).title
    return dict.fromkeys(ignored_settings(name), f"{title} does not take this.")


def offers(key: str, listed: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """The models that may narrate today, with what a million tokens cost; nothing for the other settings.

    When the service told what it has, `listed`, those that it has not are left out, and those that are new come last.
    """
    from datetime import datetime

    from narrator.backends._gemini_models import catalogue

    if key != "gemini.model":
        return []
    today, known = datetime.now().astimezone().date(), catalogue()
    models = [model for model in known.models.values() if not model.live and not model.is_retired(today)]
    titles = {model.id: _priced(model, today) for model in models}
    here = [(id_, title) for id_, title in titles.items() if not listed or id_ in listed]
    new = [(id_, f"{id_}, price not known") for id_ in listed if id_ not in known.models]
    return [("", f"Recommended: {titles[known.default]}"), *here, *new]


def _priced(model: "Model", day: "date") -> str:
    prices = model.prices_on(day)
    price = f", ${prices.tokens_in:.2f} in, ${prices.tokens_out:.2f} out per million tokens" if prices else ""
    leaves = f", until {model.retires_on}" if model.retires_on else ""
    return f"{model.title}{price}{leaves}"
