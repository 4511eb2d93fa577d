"""Measures models on this machine on the product itself, with the tiny models of the tests, and prints a table.

    .venv/bin/python tests/benchmarks/local_models.py [--seconds 30]

The window is measured from its second second, so that the model loads, and then runs without a pause, meanwhile. No
real model is at hand: one with as much work as SmolVLM's takes all the cores that gguf.threads and torch.threads give.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from figures import Bench
from watched import Camera, Service, dated, narrating

FAKES = Path(__file__).parents[1] / "fakes"
sys.path.insert(0, str(FAKES.parent))

from fakes.tiny_gguf import write_model, write_text_model  # noqa: E402 - as a program it lies outside the tests' path
from fakes.tiny_vlms import BRIDGE, with_bridge  # noqa: E402 - as above

Row = tuple[str, str, str]
_BUSY = {"narration__min_gap": 0, "narration__detail": 5, "spending__tokens": 0}


def window(bench: Bench, name: str, seconds: float, options: Mapping[str, object]) -> Iterator[Row]:
    """Frames a second and gaps of the event loop while the model loads and answers."""
    result = bench.folder / "window.json"
    probe = (str(Path(__file__).with_name("window_probe.py")), str(result))
    with bench.desktop() as display, Camera(bench.folder) as film, Service() as unused:
        environment = {**bench.environment, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PROBE_AFTER": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(BRIDGE), environment.get("PYTHONPATH", ""))))
        shown = {**_BUSY, "window": True, "program": probe, **options}
        with narrating(bench.folder, environment, unused, film.url, **shown) as app:
            app.wait_for("state", round(seconds), 120)
            usage = [one for one in dated(app)["usage"] if one["tokens_out"]]
    told = json.loads(result.read_text())
    gaps = f"{told['fps']:.1f}; {told['p50']:.1f} / {told['p99']:.1f} / {told['max']:.0f}"
    read, kept = sum(one["tokens_in"] for one in usage[1:]), sum(one["cached"] for one in usage[1:])
    yield f"window, {name}: fps; gap p50 / p99 / max, ms", "29; - / 16 / 100", gaps
    if usage:
        yield f"{name}: answers; share of the prompt that was kept", "", f"{len(usage)}; {kept / max(1, read):.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--only", nargs="+", help="names of rows")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bench = Bench(folder, 1.0)
        model = write_model(folder / "tiny")
        write_text_model(folder / "endless.gguf", endless=True)
        command = [sys.executable, str(FAKES / "tiny_vlms.py"), str(folder), "idefics3"]
        subprocess.run(command, env=with_bridge(), check=True)
        gguf = {"backend": "gguf", "gguf__projector": model.projector}
        runs: dict[str, Mapping[str, object]] = {
            "embedded alone": {"backend": "embedded"},
            "xllamacpp": {**gguf, "gguf__model": model.text},
            "xllamacpp, endless answers": {**gguf, "gguf__model": folder / "endless.gguf"},
            "llama-cpp-python, endless answers": {
                **gguf,
                "gguf__model": folder / "endless.gguf",
                "gguf__engine": "llama-cpp-python",
            },
            "torch": {"backend": "torch", "torch__model": folder / "idefics3"},
        }
        print(f"{'':72} {'target':>16}   figure")
        for name, options in runs.items():
            if name not in (asked.only or runs):
                continue
            for row in window(bench, name, asked.seconds, options):
                print(f"{row[0]:72} {row[1]:>16}   {row[2]}", flush=True)


if __name__ == "__main__":
    main()
