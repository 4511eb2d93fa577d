"""Whether words about one scene still hold in another: pure."""

from narrator.messages import Scene


def still_true(then: Scene, now: Scene) -> bool:
    """No cut came between, and of the things that were there then, at least one kind is still there."""
    if (then.revision, then.epoch) != (now.revision, now.epoch):
        return False
    labels_then = {track.label for track in then.tracks}
    labels_now = {track.label for track in now.tracks}
    return not labels_then or bool(labels_then & labels_now)
