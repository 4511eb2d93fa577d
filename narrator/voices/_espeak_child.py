"""The child that speaks with espeak-ng: `main(parent, [engine, output])`, output being "speaker" or "samples"."""

from base64 import b64encode

from narrator.children import Message, Parent
from narrator.voices._espeak import SAMPLE_RATE, Manner, NoEngine, Synthesizer, create
from narrator.voices._player import NoSound, check_device, play


def main(parent: Parent, arguments: list[str]) -> None:
    """Answer each `say` with `started` and `ended`, or with `samples`; end with `failed` when that cannot be."""
    engine, output = arguments
    try:
        synthesizer = create(engine)
        if output == "speaker":
            check_device()
        parent.send("ready")
        while message := parent.receive():
            samples = _samples(parent, synthesizer, message)
            if output == "speaker":
                play(parent, samples, SAMPLE_RATE)
            else:
                parent.send("samples", data=b64encode(samples).decode(), rate=SAMPLE_RATE)
    except NoSound as error:
        parent.send("failed", cause="device", detail=str(error))
    except NoEngine as error:
        parent.send("failed", cause="engine", detail=str(error))


def _samples(parent: Parent, synthesizer: Synthesizer, message: Message) -> bytes:
    manner = Manner(message["rate"], message["volume"], message["voice"], message["language"])
    samples, voice = synthesizer.synthesise(message["text"], manner)
    if voice != manner.choices[0]:
        parent.send("replaced", voice=manner.choices[0])
    return samples
