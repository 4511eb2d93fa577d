"""What is sent to Gemini for one prompt: contents in order, and only the settings that the model honours."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrator.backends._gemini_errors import VideoUnreadable, failure
from narrator.backends._gemini_models import Model
from narrator.messages import Prompt, PromptPart, PromptPicture, PromptVideo
from narrator.seams import Value

if TYPE_CHECKING:
    from google.genai import types

_UNSET = -1.0
_MOST_STOPS = 5
"""So many stop sequences the service takes."""
_ROOM_TO_THINK = 512
"""Least output tokens of a model that thinks: whether its thoughts count among them is told nowhere."""
_HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
_BASE64 = 4 / 3


def contents(prompt: Prompt, model: Model, uploaded: Mapping[str, str]) -> list["types.Content"]:
    """The turns before, then the question: text and pictures in the prompt's own order. `uploaded`: address by path.

    Raises `VideoUnreadable`.
    """
    from google.genai import types

    turns = [types.Content(role=turn.role, parts=_parts(turn.parts, model, uploaded)) for turn in prompt.turns]
    return [*turns, types.Content(role="user", parts=_parts(prompt.parts, model, uploaded))]


def videos_to_upload(prompt: Prompt, most_bytes: float) -> list[PromptVideo]:
    """The videos that do not fit into one request with all that is inline. Raises `VideoUnreadable`."""
    every = [part for parts in (*(turn.parts for turn in prompt.turns), prompt.parts) for part in parts]
    room = most_bytes - sum(_BASE64 * len(part.picture.jpeg) for part in every if isinstance(part, PromptPicture))
    large = []
    for video in (part for part in every if isinstance(part, PromptVideo)):
        size = _BASE64 * _size(video.path)
        if size > room:
            large.append(video)
        else:
            room -= size
    return large


def config(prompt: Prompt, model: Model, options: Mapping[str, Value]) -> "types.GenerateContentConfig":
    """Everything beside the contents; `options` by full key, read at this moment."""
    from google.genai import types

    fields: dict[str, Any] = {
        "system_instruction": prompt.system or None,
        "max_output_tokens": _most_tokens(prompt, model, options),
        "automatic_function_calling": {"disable": True},
        **_sampling(model, options),
        **_thinking(model, str(options["gemini.thinking"])),
        **_resolution(prompt, model),
        **_safety(str(options["gemini.safety"])),
    }
    if model.stop_sequences:
        fields["stop_sequences"] = list(stops(options)) or None
    if prompt.search and options["gemini.search"] and model.grounding:
        fields["tools"] = [types.Tool(google_search=types.GoogleSearch())]
    if prompt.schema is not None:
        fields |= {"response_mime_type": "application/json", "response_json_schema": dict(prompt.schema)}
    return types.GenerateContentConfig(**fields)


def stops(options: Mapping[str, Value]) -> tuple[str, ...]:
    """Texts at which an answer ends, from one setting that holds them between "|"."""
    parts = str(options["gemini.stop"]).replace("\\n", "\n").split("|")
    return tuple(part for part in parts if part)[:_MOST_STOPS]


def thinking(model: Model, wanted: str) -> str | int | None:
    """What the model is told to think: the level that is nearest to the wanted one from above, else its highest.

    "auto" is the lowest that it allows; None when it is not told.
    """
    if not model.thinking:
        return None
    order = ("auto", "off", "least", "minimal", "low", "medium", "high")
    lowest = order.index(model.lowest_thinking)
    rank = max(lowest, order.index(wanted) if wanted in order else lowest)
    fitting = [level for level in order[rank:] if level in model.thinking]
    return model.thinking[fitting[0]] if fitting else list(model.thinking.values())[-1]


def _parts(parts: Iterable[PromptPart], model: Model, uploaded: Mapping[str, str]) -> list["types.Part"]:
    return [_part(part, model, uploaded) for part in parts]


def _part(part: PromptPart, model: Model, uploaded: Mapping[str, str]) -> "types.Part":
    from google.genai import types

    if isinstance(part, str):
        return types.Part(text=part)
    if isinstance(part, PromptVideo):
        return _video(part, uploaded)
    blob = types.Blob(data=part.picture.jpeg, mime_type="image/jpeg")
    if part.detail in model.generation.levels and model.generation.per_picture:
        level = types.PartMediaResolutionLevel(f"MEDIA_RESOLUTION_{part.detail.upper()}")
        return types.Part(inline_data=blob, media_resolution=types.PartMediaResolution(level=level))
    return types.Part(inline_data=blob)


def _video(video: PromptVideo, uploaded: Mapping[str, str]) -> "types.Part":
    from google.genai import types

    how = types.VideoMetadata(fps=video.fps)
    if video.path in uploaded:
        stored = types.FileData(file_uri=uploaded[video.path], mime_type=video.mime_type)
        return types.Part(file_data=stored, video_metadata=how)
    try:
        data = Path(video.path).read_bytes()
    except (OSError, ValueError) as error:
        raise failure(VideoUnreadable, str(error)) from error
    return types.Part(inline_data=types.Blob(data=data, mime_type=video.mime_type), video_metadata=how)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError) as error:
        raise failure(VideoUnreadable, str(error)) from error


def _most_tokens(prompt: Prompt, model: Model, options: Mapping[str, Value]) -> int:
    most = int(options["gemini.max_tokens"]) or prompt.max_tokens
    thought = thinking(model, str(options["gemini.thinking"]))
    if thought not in (None, 0, "MINIMAL"):
        most = max(most, _ROOM_TO_THINK) + (thought if isinstance(thought, int) else 0)
    return min(most, model.max_out)


def _sampling(model: Model, options: Mapping[str, Value]) -> dict[str, Any]:
    wanted = {name: float(options[f"gemini.{name}"]) for name in ("temperature", "top_p", "top_k")}
    return {name: value for name, value in wanted.items() if name in model.sampling and value != _UNSET}


def _thinking(model: Model, wanted: str) -> dict[str, Any]:
    thought = thinking(model, wanted)
    if thought is None:
        return {}
    return {"thinking_config": {"thinking_budget" if isinstance(thought, int) else "thinking_level": thought}}


def _resolution(prompt: Prompt, model: Model) -> dict[str, Any]:
    """One level for the whole request, where pictures cannot have their own: the finest that any of them asks for."""
    rule = model.generation
    asked = [list(rule.levels).index(p.detail) for p in prompt.pictures if p.detail in rule.levels]
    if rule.per_picture or not asked:
        return {}
    return {"media_resolution": f"MEDIA_RESOLUTION_{_name(rule.levels, max(asked)).upper()}"}


def _name(levels: Mapping[str, int], rank: int) -> str:
    names: Sequence[str] = list(levels)
    return names[rank]


def _safety(wanted: str) -> dict[str, Any]:
    if wanted == "default":
        return {}
    return {
        "safety_settings": [{"category": f"HARM_CATEGORY_{harm}", "threshold": wanted.upper()} for harm in _HARMS],
    }
