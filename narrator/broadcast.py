"""Gives every event to every subscriber, and remembers the little of it that a front end asks for later."""

from narrator.mailbox import Fifo
from narrator.messages import Audio, AudioEvent, Caption, Event, State

_QUEUE = 10_000


class Broadcast:
    """`subscribe` and `close` come from the front end's thread, `publish` from any."""

    def __init__(self) -> None:
        self._subscribers: tuple[Fifo[Event], ...] = ()
        self.last_caption = ""
        self.frame_to_word: float | None = None
        """Seconds from the picture to the sound of its first word, of the newest run that spoke."""

    def subscribe(self) -> Fifo[Event]:
        """A queue of every event from now on; only `State` gives way to a newer one."""
        events: Fifo[Event] = Fifo(_QUEUE)
        self._subscribers = (*self._subscribers, events)
        return events

    def publish(self, event: Event) -> None:
        if isinstance(event, Caption):
            self.last_caption = event.text
        elif isinstance(event, Audio):
            utterance = event.utterance
            if event.event is AudioEvent.START and utterance.run and utterance.is_first:
                self.frame_to_word = event.at - utterance.run.frame_at
        for events in self._subscribers:
            events.put(event, "state" if isinstance(event, State) else None)

    def close(self) -> None:
        for events in self._subscribers:
            events.close()
