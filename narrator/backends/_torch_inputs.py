"""Chat messages with pictures as a model's inputs, by what its processor can do: only in the child process."""

import io
import math
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jinja2 import TemplateError
from PIL import Image

from narrator.backends._reasoning import opens_thought
from narrator.engines.failures import EngineFailed

Messages = list[dict[str, Any]]
_URI = "data:image/"
_TEMPLATE_REFUSES = (TemplateError, ValueError, TypeError, KeyError, IndexError)
_SILENT = {"enable_thinking": False}
"""To a template that can choose: thoughts take time, and nobody hears them."""
_MOST_PIXELS = 50_000_000
_TILE_GAP = 4


class Inputs:
    """Of one processor. `has_chat`: it takes messages; `has_system`: with a system text among them.

    `thinks_first`: what it puts before an answer begins a thought.
    """

    def __init__(self, processor: Any, *, sees_one: bool) -> None:
        self._processor, self._sees_one = processor, sees_one
        if getattr(processor, "chat_template", None) is None:
            processor.chat_template = getattr(processor.tokenizer, "chat_template", None)
        self.has_chat = processor.chat_template is not None
        self.has_system = self.has_chat and self._takes_system()
        self.thinks_first = self.has_chat and self._opens_thought()
        self.has_video = self.has_chat and getattr(processor, "video_processor", None) is not None

    def of(self, messages: Messages, task: str = "", *, as_video: bool = False) -> Any:
        """The tensors for messages, or for a task about their pictures where there is no chat.

        Raises `EngineFailed`.
        """
        pictures = [picture for message in messages for picture in _pictures(message)]
        if self._sees_one and len(pictures) > 1:
            pictures = [contact_sheet(pictures)]
        if not self.has_chat:
            return self._task(pictures, task)
        told = [_told(message) for message in messages]
        if pictures and (self._sees_one or (as_video and self.has_video and len(pictures) > 1)):
            return self._gathered(told, pictures)
        places = iter(pictures)
        for part in _parts(told):
            if part["type"] == "image":
                part["image"] = next(places)
        return self._chat(told)

    def cost(self, width: int, height: int) -> int:
        """Tokens that a picture of this size takes of the model's context."""
        blank = {"type": "image", "image": Image.new("RGB", (width, height))}
        if not self.has_chat:
            words = self._processor.tokenizer("a")["input_ids"]
            return max(1, _length(self._task([blank["image"]], "a")) - len(words))
        one, two = (
            self._chat([{"role": "user", "content": [blank] * number + [{"type": "text", "text": "a"}]}])
            for number in (1, 2)
        )
        return max(1, _length(two) - _length(one))

    def _gathered(self, told: Messages, pictures: Sequence[Any]) -> Any:
        """One picture, or one video, before the words of the last message: nothing else has pictures then."""
        for message in told:
            message["content"] = [part for part in message["content"] if part["type"] == "text"]
        if len(pictures) == 1:
            told[-1]["content"].insert(0, {"type": "image", "image": pictures[0]})
            return self._chat(told)
        frames = np.stack([np.asarray(picture.resize(pictures[-1].size)) for picture in pictures])
        told[-1]["content"].insert(0, {"type": "video", "video": frames})
        return self._chat(told, do_sample_frames=False, video_metadata=[[_metadata(len(pictures))]])

    def _chat(self, told: Messages, **settings: Any) -> Any:
        more = {"processor_kwargs": settings} if settings else {}
        return self._processor.apply_chat_template(
            told, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt", **_SILENT, **more
        )

    def _task(self, pictures: Sequence[Any], task: str) -> Any:
        """A picture and a task word by word; where the tokenizer has a token for a picture it goes before."""
        mark = getattr(self._processor.tokenizer, "image_token", None) or "<image>"
        is_marked = mark in self._processor.tokenizer.get_vocab()
        text = mark * len(pictures) + task if is_marked else task
        inputs = self._processor(images=[list(pictures)], text=text, return_tensors="pt")
        inputs.pop("labels", None)  # PaliGemma's processor makes them for training
        return inputs

    def _takes_system(self) -> bool:
        mark = "scene rules"
        messages = [
            {"role": "system", "content": [{"type": "text", "text": mark}]},
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
        ]
        try:
            return mark in self._rendered(messages)
        except _TEMPLATE_REFUSES:
            return False

    def _opens_thought(self) -> bool:
        messages = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
        try:
            asked = self._rendered(messages, has_answer=False)
            return opens_thought(self._rendered(messages).removeprefix(asked))
        except _TEMPLATE_REFUSES:
            return False

    def _rendered(self, messages: Messages, *, has_answer: bool = True) -> str:
        template = self._processor.apply_chat_template
        return str(template(messages, add_generation_prompt=has_answer, tokenize=False, **_SILENT))


def shows_any(messages: Messages) -> bool:
    """Whether there is a picture among these messages."""
    parts = (part for message in messages if isinstance(message["content"], list) for part in message["content"])
    return any(part["type"] == "image_url" for part in parts)


def contact_sheet(pictures: Sequence[Any]) -> Any:
    """All pictures as tiles of one, oldest first, left to right and top to bottom."""
    columns = math.ceil(math.sqrt(len(pictures)))
    width, height = pictures[-1].size
    step = (width + _TILE_GAP, height + _TILE_GAP)
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * step[0] - _TILE_GAP, rows * step[1] - _TILE_GAP))
    for place, picture in enumerate(pictures):
        sheet.paste(picture.resize((width, height)), (place % columns * step[0], place // columns * step[1]))
    return sheet


def _told(message: dict[str, Any]) -> dict[str, Any]:
    """A message of the API's form in that of chat templates, the pictures still to be put in."""
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    parts = [{"type": "image"} if part["type"] == "image_url" else dict(part) for part in content]
    return {"role": message["role"], "content": parts}


def _parts(messages: Messages) -> Iterator[dict[str, Any]]:
    for message in messages:
        yield from message["content"]


def _pictures(message: dict[str, Any]) -> Iterator[Any]:
    if isinstance(message["content"], list):
        for part in message["content"]:
            if part["type"] == "image_url":
                yield _decoded(part["image_url"]["url"])


def _decoded(uri: str) -> Any:
    """Only what is within the message itself: no address is ever followed."""
    head, _, data = uri.partition(",")
    if not head.startswith(_URI):
        raise EngineFailed("bad_request", f"no picture: {uri[:20]}")
    try:
        picture = Image.open(io.BytesIO(b64decode(data, validate=True)))
        if picture.width * picture.height > _MOST_PIXELS:
            raise EngineFailed("bad_request", f"{picture.size}")
        return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EngineFailed("bad_request", str(error)) from error


def _metadata(frames: int) -> dict[str, Any]:
    """Of a video with a frame a second."""
    return {"fps": 1.0, "total_num_frames": frames, "duration": float(frames), "frames_indices": list(range(frames))}


def _length(inputs: Any) -> int:
    return int(inputs["input_ids"].shape[-1])
