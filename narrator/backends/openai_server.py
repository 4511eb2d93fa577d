"""Describes with a model on any server that speaks OpenAI's protocol: in the next room, in a machine room, or rented.

This module tells what there is to know before; what it needs for more is imported with the first use.
"""

from collections.abc import Mapping

from narrator.seams import Backend, BackendSpec, Context, Setting, Value

SPEC = BackendSpec(
    id="server",
    title="The model server",
    help="A model on a server describes the pictures: vLLM, SGLang, llama-server, Ollama, LM Studio and others.",
    packages=("httpx2",),
    is_remote=True,
    preference=25,
    # Never OPENAI_API_KEY: that one is for OpenAI, and would go to whatever address is set here.
    key_variables=("SCENE_NARRATOR_SERVER_KEY",),
    binds_key=True,
    settings=(
        Setting(
            "server.url",
            "",
            "Where the server is, for example http://127.0.0.1:8000/v1; empty for the usual place of server.preset.",
            restarts="backend",
        ),
        Setting(
            "server.preset",
            "auto",
            "Which kind of server it is; auto finds out.",
            choices=("auto", "vllm", "sglang", "tgi", "llama-server", "ollama", "lm-studio", "gemini"),
            restarts="backend",
        ),
        Setting("server.model", "", "Which of its models answers; empty for the first that sees.", restarts="backend"),
        Setting("server.max_images", 0, "Most pictures in one request; 0 for what the server takes.", 0, 1000),
        Setting("server.side", 768, "Longest side of a picture that is sent whole.", 64, 4096, unit="pixels"),
        Setting("server.max_tokens", 0, "Most tokens of an answer; 0 for as many as the detail needs.", 0, 65_536),
        Setting("server.temperature", -1.0, "How freely it chooses words; -1 for the server's own.", -1, 2),
        Setting("server.extra", "", 'What is added to each request, as JSON, for example {"top_k": 20}.'),
        Setting(
            "server.allow_http",
            False,
            "Send pictures and the key without encryption beyond the own network, where anybody on the way can see.",
            restarts="backend",
        ),
        Setting(
            "server.wake_within",
            300.0,
            "How long to wait for a server that must first be started or load its model.",
            0,
            3600,
            unit="s",
            restarts="backend",
        ),
        Setting(
            "server.min_gap",
            0.0,
            "Least time between two requests that no scene cut causes.",
            0,
            600,
            unit="s",
            restarts="backend",
        ),
        Setting("server.price_in", 0.0, "What a million tokens of input cost; 0 when free.", 0, 1000, unit="$"),
        Setting("server.price_out", 0.0, "What a million tokens of output cost; 0 when free.", 0, 1000, unit="$"),
        Setting(
            "server.first_word_within",
            10.0,
            "How long to wait for the first word.",
            0.1,
            120,
            unit="s",
            restarts="backend",
        ),
        Setting(
            "server.answer_within",
            30.0,
            "How long to wait for the whole answer.",
            0.1,
            600,
            unit="s",
            restarts="backend",
        ),
    ),
)


def create(argument: str, context: Context) -> Backend:
    """`argument` is a model's name on the server, which counts before the setting."""
    from narrator.backends._server_backend import Server

    return Server(argument, context)


def destination(options: Mapping[str, Value]) -> str:
    """The host that pictures go to; empty when that is this machine, and when there is none."""
    from narrator.backends._server_address import Address

    address = Address.of(options)
    return "" if address.is_loopback else address.host


def key_host(options: Mapping[str, Value]) -> str:
    """Host and port that a key is kept for; empty when there is no address."""
    from narrator.backends._server_address import Address

    return Address.of(options).key_host


def ready(options: Mapping[str, Value]) -> str:
    """How a sentence calls it, when the user named a server; whether it answers is found out later."""
    from narrator.backends._server_address import Address

    return "" if Address.of(options).flaw else SPEC.title


def check(context: Context) -> str:
    """Ask the server for its models and for a word: a sentence that it works. Raises `BackendError`."""
    from narrator.backends._server_trial import try_out

    return try_out(context)


def offers(key: str, listed: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """The models that the server listed, and the kinds of server with their usual places."""
    from narrator.backends._server_presets import presets

    if key == "server.model" and listed:
        return [("", "The first that sees"), *((id_, id_) for id_ in listed)]
    if key != "server.preset":
        return []
    known = [(preset.id, f"{preset.title}: {preset.url}") for preset in presets().values() if preset.id]
    return [("auto", "Find out"), *known]
