"""Runs and utterances to put words into."""

from itertools import count

from narrator.messages import Priority, Reason, Run, Scene, Utterance

OPTIONS = {"speech.rate": 200, "speech.volume": 100, "speech.voice": "", "speech.language": "en"}
_ids = count(1)


def run(priority=Priority.NORMAL, *, frame_at=0.0, frame_lasts=0.0):
    scene = Scene(0, frame_at, 0.0, 0)
    told = ("local", "scripted", Reason.CHANGE, priority)
    return Run(next(_ids), *told, 0.0, 60.0, frame_at, 0.0, 0, scene, 0, frame_lasts)


def utterance(text="a red car", of=None, priority=Priority.NORMAL, *, at=0.0, is_first=True):
    return Utterance(next(_ids), of, text, priority, at, is_first=is_first)
