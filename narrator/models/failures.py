"""What can go wrong when a model is fetched, kept or checked: each cause with what the user hears."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from narrator.errors import NarratorError

_log = logging.getLogger(__name__)
_AGAIN = "Give the same command again: it goes on where it stopped."
_PRESS_AGAIN = "Press Download again: it goes on where it stopped."


class ModelError(NarratorError):
    """A model cannot be fetched, kept or checked. `remedy` is for the terminal, `in_window` for a window."""

    def __init__(self, cause: str, sentence: str, remedy: str, detail: str, in_window: str = "") -> None:
        super().__init__(sentence, remedy, detail)
        self.cause, self.in_window = cause, in_window or remedy


@dataclass(frozen=True, slots=True)
class _Failure:
    """What the user hears; the words in braces are facts that come with the cause."""

    sentence: str
    remedy: str
    in_window: str = ""
    """The remedy where there are buttons in place of commands; empty where `remedy` names no command."""


_FAILURES: Mapping[str, _Failure] = {
    "offline": _Failure("The network is switched off, so nothing can be fetched.", "Start without --offline."),
    "bad_address": _Failure(
        "{address} is no address of a hub.", "Give one that begins with https://, in --hub or HF_ENDPOINT."
    ),
    "not_encrypted": _Failure(
        "Nothing is fetched from {host} without encryption: it could be changed on the way.",
        "Give an address that begins with https://, or that of a machine in your own network.",
    ),
    "unknown_name": _Failure(
        "There is no model called {name}.",
        "{hint}See them all: scene-narrator models list. Or give OWNER/NAME.",
        "{hint}Give OWNER/NAME, as in the address of its page on the hub.",
    ),
    "no_repository": _Failure(
        "{host} has no model {repository}, or it is not public.",
        "Check how the name is spelled. If it is private: scene-narrator key set hub",
        "Check how the name is spelled; it may have been renamed. If it is private, paste a token into the field here.",
    ),
    "no_file": _Failure("The file {file} is not on {host}.", "It may have been renamed; choose another model."),
    "nothing_fits": _Failure(
        "{repository} holds no model that this program can run: {reason}.",
        "It takes GGUF files with their mmproj file, or a checkpoint in safetensors.",
    ),
    "gated": _Failure(
        "{title} is given only to those who accept its terms.",
        "Sign in and accept them at {page}, make a token that may read at {tokens}, and keep it in the key store of "
        "this computer with: scene-narrator key set hub. Then give the command again.",
        "Sign in and accept them at {page}, make a token that may read at {tokens}, paste it into the field for the "
        "token here, and press Download again.",
    ),
    "not_accepted": _Failure(
        "Your token is good, but its owner has not accepted the terms of {title}, or waits for an answer.",
        "Accept them at {page}, then give the command again.",
        "Accept them at {page}, then press Download again.",
    ),
    "bad_token": _Failure(
        "{host} does not accept your token.",
        "Make a new one at {tokens} and keep it: scene-narrator key set hub",
        "Make a new one at {tokens} and paste it into the field for the token.",
    ),
    "no_token": _Failure(
        "No token for {host} was kept.",
        "Keep one with: scene-narrator key set hub. It is needed only for models whose terms must be accepted.",
        "Paste one into the field. It is needed only for models whose terms must be accepted.",
    ),
    "token_stays": _Failure(
        "{host} asks for a token, and yours was made for another hub: it was not sent.",
        "If you trust {host}, give its own token in the environment variable SCENE_NARRATOR_HUB_TOKEN.",
    ),
    "busy": _Failure(
        "{host} is busy and asks to wait.",
        "Try again in some minutes. " + _AGAIN,
        "Wait some minutes. " + _PRESS_AGAIN,
    ),
    "broken": _Failure(
        "{host} answered with an error, {status}.", "Try again later. " + _AGAIN, "Wait a while. " + _PRESS_AGAIN
    ),
    "unreadable": _Failure(
        "{host} answered with something else than a hub would.",
        "A login page of your network may be in between: open a page in a browser. Or check the address of the hub.",
    ),
    "unreachable": _Failure(
        "{host} cannot be reached.",
        "Check the connection to the network. " + _AGAIN,
        "Check the connection to the network. " + _PRESS_AGAIN,
    ),
    "not_trusted": _Failure(
        "{host} could not prove that it is {host}, so nothing was fetched.",
        "Check the clock of this computer, and whether a proxy of your network is in between.",
    ),
    "cut": _Failure(
        "The download of {title} broke off again and again. {done} of {total} are kept.",
        "Check the connection to the network. " + _AGAIN,
        "Check the connection to the network. " + _PRESS_AGAIN,
    ),
    "redirected": _Failure(
        "{host} sent the download on to {other}, which is not allowed.", "Check the address of the hub."
    ),
    "wrong_hash": _Failure(
        "{file} is not what it should be: its sha256 is wrong. It was deleted.",
        "Try once more. If it happens again, do not use this hub.",
    ),
    "not_ours": _Failure(
        "{host} offers another {file} than this program knows; it was not fetched.",
        "Take a newer version of Scene Narrator, or fetch the model by its repository: {repository}",
    ),
    "no_room": _Failure(
        "There is not enough room for {title}: {needed} are needed, and {free} are free in {folder}.",
        "Make room, or name another place in the environment variable SCENE_NARRATOR_DATA.",
    ),
    "disk_full": _Failure(
        "The disk is full. {done} of {total} of {title} are kept.",
        "Make room, or name another place in the environment variable SCENE_NARRATOR_DATA. " + _AGAIN,
        "Make room, or name another place in the environment variable SCENE_NARRATOR_DATA. " + _PRESS_AGAIN,
    ),
    "full_of_copies": _Failure(
        "The disk became full while {title} was copied; nothing of the copy is left.",
        "Make room, or name another place in the environment variable SCENE_NARRATOR_DATA.",
    ),
    "not_writable": _Failure(
        "Nothing can be written to {folder}.",
        "Make the folder writable, or name another in the environment variable SCENE_NARRATOR_DATA.",
    ),
    "in_hand": _Failure("{title} is being fetched already.", "Wait for it to end, or end it there."),
    "not_here": _Failure(
        "There is no model called {name} on this computer.",
        "{hint}scene-narrator models list",
        "Close the list and open it again.",
    ),
    "damaged": _Failure(
        "Not every file is what it was.",
        "Fetch it once more: scene-narrator models remove {name}, then get.",
        "Remove it, then download it again.",
    ),
    "not_readable": _Failure(
        "{path} cannot be read.", "Check how the name is spelled, and whether you may read the file."
    ),
    "part_missing": _Failure(
        "{file} is missing: the model was cut into several files.", "Put all of them into one folder."
    ),
    "no_path": _Failure("There is no file {path}.", "Check how the name is spelled."),
    "not_gguf": _Failure(
        "{path} is not a model file.", "Give a GGUF file with its mmproj file, or a folder with a checkpoint."
    ),
    "truncated": _Failure("{path} is not whole: its end is missing.", "Fetch it once more."),
    "no_projector": _Failure(
        "{path} alone cannot see: the projector file that belongs to it is missing.",
        "Give both: scene-narrator models import {path} MMPROJ.gguf",
        "Choose both files together: the model, and its mmproj file.",
    ),
    "only_projector": _Failure(
        "{path} is a projector, not a model.",
        "Give the model too: scene-narrator models import MODEL.gguf {path}",
        "Choose both files together: the projector, and the model.",
    ),
    "too_many": _Failure("These files are more than one model.", "Give one model with its projector at a time."),
    "taken": _Failure(
        "There is a model called {name} already.",
        "Remove it first: scene-narrator models remove {name}",
        "Remove that one first.",
    ),
}


def failure(cause: str, detail: str = "", **facts: object) -> ModelError:
    """The error for a cause; `facts` fill its sentences, `detail` goes to the log."""
    known = _FAILURES[cause]
    _log.info("%s %s %s", cause, facts, detail)
    remedy, in_window = (text.format(**facts) for text in (known.remedy, known.in_window))
    return ModelError(cause, known.sentence.format(**facts), remedy, detail, in_window)
