"""llama.cpp's own server, with the tiny model that names the colour it sees, in a process that may be killed.

In a test: `with LlamaServer(folder) as server:`; `kill()` and `start()` as often as wished, on the same port. As a
process: `python tests/fakes/llama_server.py --port 8080` prints its address when it answers.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

if __name__ == "__main__":  # as a program it lies outside the tests' path
    sys.path.insert(0, str(Path(__file__).parents[1]))

_ENDS_WITHIN = 5.0


class LlamaServer:
    """The server at `url`, with its model in `folder`; `arguments` are those of the program."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder, self._arguments = folder, arguments
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Return when it answers."""
        command = [sys.executable, __file__, "--folder", self._folder, "--port", self.port, *self._arguments]
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        address = self._process.stdout.readline().strip()
        assert address, (self._folder / "server.log").read_text()[-2000:]
        self.port = int(address.rpartition(":")[2].partition("/")[0])

    def kill(self) -> None:
        """End it as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_ENDS_WITHIN)
            assert process.stdout is not None
            process.stdout.close()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def main() -> None:
    from fakes.tiny_gguf import write_model

    parser = argparse.ArgumentParser(description="llama.cpp's own server with a tiny model.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the model is, or is written to")
    parser.add_argument("--key", default="", help="the one key that is accepted")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--parallel", type=int, default=1, help="how many requests at a time")
    parser.add_argument("--endless", action="store_true", help="the model never ends its answer")
    parser.add_argument("--blind", action="store_true", help="without the projector, as a model that reads text only")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="llama-server-"))
    model = write_model(folder / ("endless" if options.endless else "tiny"), endless=options.endless)
    server = _serve(model, options)
    print(f"{server.listening_address}/v1", flush=True)  # noqa: T201 - whoever started it waits for this
    threading.Event().wait()


def _serve(model: Any, options: argparse.Namespace) -> Any:
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model.text)
    if not options.blind:
        wanted.mmproj.path = str(model.projector)
    wanted.port = options.port
    wanted.n_ctx, wanted.n_parallel = options.context, options.parallel
    wanted.warmup = wanted.fit_params = False
    for cores in (wanted.cpuparams, wanted.cpuparams_batch):
        cores.n_threads, cores.poll = 1, 0
    wanted.api_keys = [options.key] if options.key else []
    wanted.model_alias = {"tiny"}
    return xllamacpp.Server(wanted)


if __name__ == "__main__":
    main()
