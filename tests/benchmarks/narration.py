"""Measures narration by Gemini on the product itself, against a service of our own, and prints a table.

    .venv/bin/python tests/benchmarks/narration.py [--quick] [--only NAME ...] [--soak] [--minutes 5]

The model takes 0.6 s to the first of 40 words and says 50 a second. A camera of stamped frames, 1280x720 at 30 a
second, tells which frame each request showed. `--quick` takes a quarter of the time; `--soak` adds the run of 1,800
requests (at least 10 minutes). Work is CPU time; ages and waits are wall time, so let nothing else run beside it. The
window needs the test packages of `start.py test` (Xvfb, openbox).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from figures import ONLY_CAPTURE, Bench
from watched import MODEL, SETTLED, UNPACED, Camera, Service, Watched, dated, narrating, painted, watch

from narrator.backends._gemini_models import catalogue
from narrator.memory import budget
from narrator.memory.history import History
from narrator.memory.layouts import alone, shot, taken
from narrator.messages import Frame
from narrator.seams import Capabilities

Row = tuple[str, str, str]
"""What was measured, the target, the figure."""
BLIND = {setting.partition("=")[0].replace(".", "__"): False for setting in ONLY_CAPTURE if "=" in setting}


def part(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies; not a number when there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def milliseconds(values: Sequence[float]) -> str:
    return f"{part(values, 0.5) * 1000:.0f} / {part(values, 0.95) * 1000:.0f}"


class Narration(Bench):
    """The bench of the embedded path, with the lengths of these measurements."""

    def __init__(self, folder: Path, minutes: float, share: float) -> None:
        super().__init__(folder, minutes)
        self.share = share
        self.environment["SCENE_NARRATOR_DATA"] = str(folder / "data")

    def watch(self, seconds: float, **options: object) -> Watched:
        return watch(self.folder, self.environment, max(20.0, seconds * self.share), **options)


def camera(bench: Narration) -> Iterator[Row]:
    """Frames over HTTP that cut every 7 s, asked about without a pause."""
    seen = bench.watch(240, **UNPACED)
    ages, cuts = seen.ages(), seen.cuts()
    words = [first for _, first, _ in cuts if first is not None]
    cues = [first for _, _, first in cuts if first is not None]
    missed = sum(first is None for _, first, _ in cuts)
    yield "frame age at the service, p50 / p95, ms", "40 / 80", f"{milliseconds(ages)} ({len(ages)} requests)"
    yield "scene cut to first word, p50 / p95, ms", "750 / 1000", f"{milliseconds(words)} ({len(cuts)} cuts)"
    yield "scenes of 3 s or more that were missed", "0", str(missed)
    yield "scene cut to the first word of anybody, p50 / p95, ms", "", milliseconds(cues)


def rtsp(bench: Narration) -> Iterator[Row]:
    """The same over RTSP; the drift is that of the age, from the first to the last quarter."""
    seen = bench.watch(bench.minutes * 60, film={"kind": "rtsp"}, **UNPACED)
    ages = seen.ages()
    quarter = max(1, len(ages) // 4)
    apart = (seen.until - seen.since) * 0.75 / 60
    drift = (statistics.mean(ages[-quarter:]) - statistics.mean(ages[:quarter])) / apart if ages else float("nan")
    yield f"RTSP: age after {(seen.until - seen.since) / 60:.1f} min, p50 / p95, ms", "- / 80", milliseconds(ages)
    yield "RTSP: drift, s a minute", "0.5", f"{drift:+.4f}"


def slow_model(bench: Narration) -> Iterator[Row]:
    """A model that takes 5 s to the first word."""
    seen = bench.watch(120, model={"first_token": 5.0}, **UNPACED)
    most, several = seen.most_in_flight()
    late = sum(age > 0.2 for age in seen.ages())
    yield "5 s to the first word: most in flight (2 for so many ms)", "1 (2)", f"{most} ({several * 1000:.0f} ms)"
    yield "5 s to the first word: requests with a picture older than 0.2 s", "0", f"{late} of {len(seen.ages())}"
    yield "5 s to the first word: frame age p50 / p95, ms", "- / 100", milliseconds(seen.ages())


def request(bench: Narration) -> Iterator[Row]:
    """CPU time of a request from 1080p: one full and seven older pictures, and what is delivered, planned and drawn."""
    history, costs, plain, counts, tokens, spans = History(1.0, 16_000_000), [], [], [], [], []
    model = catalogue().model(catalogue().default).generation
    capabilities = Capabilities(16, model.full_side, tuple(model.levels) or ("",), per_image_detail=model.per_picture)
    limits = budget.Limits(16, 2000, 20_000_000, 20.0)
    base = np.asarray(cv2.resize(painted(0)[0], (1920, 1080)), np.uint8)
    for number in range(90):
        frame = Frame(number, 100.0 + number, 0.0, float(number), 0, np.roll(base, 9 * number, 1))
        if history.wants(frame):
            history.keep(frame, is_cut=False)
        newest, twin = (
            Frame(1000 * (number + 1) + turn, frame.captured_at + 0.5, 0.0, number + 0.5, 0, np.roll(base, turn, 1))
            for turn in (4, 5)
        )
        started = time.thread_time()
        layout = budget.plan(history.view(newest), history.moments(), limits, capabilities, model.cost, urgent=False)
        pictures = history.render(layout, newest.captured_at)
        costs.append(time.thread_time() - started)
        started = time.thread_time()
        older = [alone(shot(moment, 384), "low") for moment in history.moments()[-7:]]
        history.render([*older, taken(history.view(twin), 768, "medium")], twin.captured_at)
        plain.append(time.thread_time() - started)
        counts.append(sum(max(1, len(picture.ages)) for picture in pictures) - 1)
        tokens.append(budget.cost(layout, model.cost))
        spans.append(budget.legible_seconds(layout, 20.0))
    costs, counts, plain = costs[30:], counts[30:], plain[30:]
    seven = f"{part(plain, 0.5) * 1000:.2f} / {part(plain, 0.95) * 1000:.2f}"
    yield "build a request of 1 full + 7 older from 1080p, p50 / p95, CPU ms", "2", seven
    figure = f"{part(costs, 0.5) * 1000:.2f} / {part(costs, 0.95) * 1000:.2f} (1 + {min(counts)})"
    yield "the same as delivered: planned, with a contact sheet", "", figure
    yield "picture tokens, Gemini 3 (legible history)", "2000 (8 s)", f"{max(tokens[30:])} ({min(spans[30:]):.0f} s)"


def tokens(bench: Narration) -> Iterator[Row]:
    """How the tokens of a moving and a still scene compare, as delivered but for the pace of money."""
    free = {name: value for name, value in UNPACED.items() if name.startswith("spending")}
    minutes, sums = {}, {}
    for name, still in (("moving", False), ("still", True)):
        seen = bench.watch(240, film={"scene": 0, "still": still}, **free)
        minutes[name] = sum(_tokens(one) for one in seen.judged()) / (seen.until - seen.since) * 60
        sums[name] = seen.judged()
        rate = len(seen.judged()) / (seen.until - seen.since) * 60
        yield f"{name}: tokens a minute (requests a minute)", "", f"{minutes[name]:.0f} ({rate:.1f})"
    pictures = [sum(picture["tokens"] for picture in one["pictures"]) for one in sums["moving"]]
    whole = [_tokens(one) for one in sums["moving"]]
    yield (
        "tokens of a request, p50 (of its pictures)",
        "- (2000)",
        f"{part(whole, 0.5):.0f} ({part(pictures, 0.5):.0f})",
    )
    share = minutes["still"] / minutes["moving"] * 100 if minutes["moving"] else float("nan")
    yield "tokens a minute, still / moving", "10 %", f"{share:.1f} %"


def delivered(bench: Narration) -> Iterator[Row]:
    """With all settings as delivered: what an hour costs, and how fast it is at a cut."""
    seen = bench.watch(480, film={"scene": 12.0})
    cost = sum(float(usage["cost"]) for usage in seen.events["usage"] if seen.since <= usage["at"] <= seen.until)
    minutes = (seen.until - seen.since) / 60
    words = [first for _, first, _ in seen.cuts() if first is not None]
    anybody = [first for _, _, first in seen.cuts() if first is not None]
    yield "as delivered: dollars an hour", "0.30", f"{cost * 60 / minutes:.2f}"
    yield "as delivered: seconds between requests", "8-14", f"{minutes * 60 / max(1, len(seen.judged())):.1f}"
    yield "as delivered: cut to first word of Gemini, p50 / p95, ms", "", f"{milliseconds(words)} ({len(words)})"
    cuts = f"{milliseconds(anybody)} ({len(anybody)} of {len(seen.cuts())})"
    yield "as delivered: cut to first word of anybody, p50 / p95, ms", "", cuts


def estimate(bench: Narration) -> Iterator[Row]:
    """A service that counts a fifth more than its published rule: how far off the estimate is."""
    seen = bench.watch(60, model={"token_scale": 1.2}, **UNPACED)
    used = {usage["run"]: usage["tokens_in"] for usage in seen.events["usage"] if not usage["estimated"]}
    asked = [(one["tokens_estimated"], used.get(one["run"])) for one in seen.events["request"]]
    shares = [abs(guess / told - 1) * 100 for guess, told in asked if told]
    half = len(shares) // 2
    yield (
        "estimate against count, first / median of the later, % off",
        "- / 5",
        (f"{shares[0]:.0f} / {part(shares[half:], 0.5):.1f}" if shares else "no answer"),
    )


def window(bench: Narration) -> Iterator[Row]:
    """How smooth the window is while Gemini narrates, and while nobody describes anything."""
    for name, describer in (("narrating", {}), ("the same without Gemini", {"backend": "embedded", **BLIND})):
        result = bench.folder / "window.json"
        probe = (str(Path(__file__).with_name("window_probe.py")), str(result))
        with bench.desktop() as display:
            environment = {**bench.environment, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
            options = {**UNPACED, "window": True, "program": probe, **describer}
            with (
                Camera(bench.folder) as film,
                Service(**MODEL) as service,
                narrating(bench.folder, environment, service, film.url, **options) as app,
            ):
                app.wait_for("state", round(SETTLED + max(20, 60 * bench.share) + 2), 120)
        told = json.loads(result.read_text())
        gaps = f"{told['fps']:.1f}; {told['p50']:.1f} / {told['p99']:.1f} / {told['max']:.0f}"
        yield f"window, {name}: fps; gap p50 / p99 / max, ms", "29; - / 16 / 100", gaps


def work(bench: Narration) -> Iterator[Row]:
    """CPU time of the program with 30 requests a minute, on a film, without and with a window, objects and text."""
    pace = {**UNPACED, "gemini.min_gap": 2, "narration.min_gap": 2, "loop": True}
    for name, more, target in (
        ("no window, no objects, no text, no Gemini", {**BLIND, "backend": "embedded"}, ""),
        ("no window, no objects, no text", {**BLIND}, "4"),
        ("no window, objects and text", {}, "22"),
        ("window, no objects, no text", {**BLIND, "window": True}, "12"),
    ):
        with bench.desktop() as display, Service(**{**MODEL, "stamps": False}) as service:
            environment = {**bench.environment, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
            with narrating(bench.folder, environment, service, bench.moving, **pace, **more) as app:
                app.wait_for("state", round(SETTLED))
                before = len(service.requests())
                cpu = app.cpu_seconds_a_minute()
                rate = (len(service.requests()) - before) * 2
        yield f"CPU s a minute: {name}", target, f"{cpu:.2f} ({rate} requests a minute)"


def memory(bench: Narration) -> Iterator[Row]:
    """1,800 requests as fast as they go, for at least ten minutes, on a camera in another process."""
    fast = {"first_token": 0.05, "rate": 500, "tokens": 4, "stamps": False}
    with (
        Camera(bench.folder, scene=3.0) as film,
        Service(**fast) as service,
        narrating(bench.folder, bench.environment, service, film.url, **UNPACED) as app,
    ):
        app.wait_for("state", 600, 900)
        while len(service.requests()) < 1800 and len(app.events("state")) < 3000:
            time.sleep(5)
        states = app.events("state")
        sizes = [float(str(state["rss_mb"])) for state in states]
        count = len(service.requests())
    warm, end = statistics.median(sizes[110:130]), statistics.median(sizes[-20:])
    name = f"memory after {count} requests, {len(states) / 60:.0f} min, MB (growth since minute 2)"
    yield name, "(20)", f"{end:.0f} ({end - warm:+.1f})"


def faults(bench: Narration) -> Iterator[Row]:
    """What follows a fault: the seconds until the next good request, and whether words of the failed one were told."""
    wanted = (
        ("503", 1.0, {"retry": 0}),
        ("stall", 10.0, {"after": 4, "seconds": 10}),
        ("hang", 8.0, {}),
        ("cut", 0.0, {"after": 4}),
        ("reset", 0.0, {"after": 4}),
        ("error-in-stream", 1.0, {"after": 4}),
        # the last, for its limit of 15 requests a minute is kept to from then on
        ("429", 2.0, {"retry": 2.0}),
    )
    with (
        Camera(bench.folder, scene=0) as film,
        Service(**MODEL) as service,
        narrating(bench.folder, bench.environment, service, film.url, **UNPACED) as app,
    ):
        app.wait_for("state", round(SETTLED))
        for name, told_wait, numbers in wanted:
            seen = len(service.requests())
            service.control(fault=name, **numbers)
            failed, good = _after_fault(service, seen, name)
            yield f"{name}: s from the failure to the next good request", *_recovery(failed, good, told_wait)
        time.sleep(5)
        events = dated(app)
        broken = [one for one in service.requests() if one["fault"]]
    spoken = " ".join(one["text"] for kind in ("utterance", "caption") for one in events[kind]).lower()
    leaked = [one for one in broken if f"line{one['number']} " in spoken]
    told = "; ".join(f"{one['fault']}: {one['text']}" for one in leaked)
    yield "failed answers of which words were spoken", "none", told or "none"
    yield "notices meanwhile", "", "; ".join(sorted({one["text"] for one in events["notice"]})) or "none"


def restart(bench: Narration) -> Iterator[Row]:
    """The service is killed for 20 s and comes back: who tells of the cuts meanwhile, and when Gemini is back."""
    with (
        Camera(bench.folder) as film,
        Service(**MODEL) as service,
        narrating(bench.folder, bench.environment, service, film.url, **UNPACED) as app,
    ):
        app.wait_for("state", round(SETTLED))
        service.close()
        gone_at = time.time()
        time.sleep(20)
        service.start()
        back_at = time.time()
        while not service.requests() and time.time() < back_at + 60:
            time.sleep(0.1)
        first = service.requests()[0]["wall_time"] if service.requests() else float("nan")
        time.sleep(3)
        events = dated(app)
    others = [one["at"] - gone_at for one in events["caption"] if gone_at < one["at"] < back_at]
    yield "service gone: captions meanwhile (first after s)", "", f"{len(others)} ({min(others, default=0):.1f})"
    yield "service back: s to the first request", "<= 31", f"{first - back_at:.1f}"
    told = [one["text"] for one in events["notice"] if one["at"] > gone_at]
    yield "notices meanwhile", "", "; ".join(told) or "none"


def _after_fault(service: Service, seen: int, name: str) -> tuple[dict[str, float], dict[str, float]]:
    """The request that met the fault, and the first that was answered after it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        requests = service.requests()
        failed = next((one for one in requests[seen:] if one["fault"] == name), None)
        if failed:
            good = [one for one in requests if one["number"] > failed["number"] and one["first_word_at"]]
            if good:
                return failed, good[0]
        time.sleep(0.1)
    raise SystemExit(f"nothing followed the fault {name}")


def _recovery(failed: dict[str, float], good: dict[str, float], told_wait: float) -> tuple[str, str]:
    ended = failed["finished_at"] or failed["aborted_at"] or failed["arrived_at"]
    # a silent service is given up after the client's own deadline, which counts from the request
    start = failed["arrived_at"] if failed["fault"] in ("stall", "hang") else ended
    return f"<= {told_wait + 1:g}", f"{good['arrived_at'] - start:.2f}"


def _tokens(request: dict[str, dict[str, int]]) -> int:
    return request["usage"].get("totalTokenCount", 0)


MEASUREMENTS: tuple[Callable[[Narration], Iterator[Row]], ...] = (
    camera,
    rtsp,
    slow_model,
    request,
    tokens,
    delivered,
    estimate,
    window,
    work,
    faults,
    restart,
    memory,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time")
    parser.add_argument("--soak", action="store_true", help="measure memory, too: at least 10 minutes more")
    parser.add_argument("--minutes", type=float, default=5, help="length of the RTSP run")
    parser.add_argument("--only", nargs="+", choices=[measure.__name__ for measure in MEASUREMENTS])
    options = parser.parse_args()
    wanted = options.only or [measure.__name__ for measure in MEASUREMENTS if measure is not memory or options.soak]
    with tempfile.TemporaryDirectory() as folder:
        bench = Narration(Path(folder), options.minutes, 0.25 if options.quick else 1.0)
        print(f"{'':64} {'target':>18}   figure")
        for measure in (measure for measure in MEASUREMENTS if measure.__name__ in wanted):
            for name, target, figure in measure(bench):
                print(f"{name:64} {target:>18}   {figure}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
