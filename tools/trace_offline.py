"""Proves what `--offline` promises: runs the program with every connection traced, in an empty network where it may.

    python tools/trace_offline.py [--duration SECONDS] [--window] [-- ARGUMENTS OF THE PROGRAM]

Needs strace, and for the empty network util-linux's unshare with user namespaces allowed; without them it traces
alone, which proves as much: what is asked for counts, not what comes of it. `--window` opens the window instead of the
terminal, on the display in DISPLAY, as in `dbus-run-session xvfb-run -a python tools/trace_offline.py --window`.

Prints every use of the network but of this machine itself, native code's and child processes' too, and every question
to a local service that looks names up. Exits with 1 when there was any, with 2 when the program failed or nothing could
be traced.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

CALLS = "connect,sendto,sendmsg,sendmmsg"
PROGRAM = ("-m", "narrator", "demo", "--offline", "--backend", "gemini", "--yes", "--voice", "espeak")
EMPTY = ("unshare", "-rn")
ROOT = Path(__file__).resolve().parents[1]
_ADDRESS = re.compile(r'sa_family=AF_INET6?[,}].*?(?:inet_addr\(|inet_pton\(AF_INET6, )"(?P<host>[^"]+)"', re.DOTALL)
_FAMILY = re.compile(r"sa_family=(AF_INET6?)\b")
_NAME_SERVICES = re.compile(r'sun_path=@?"[^"]*(systemd/resolve|avahi-daemon|mDNSResponder)|"[^"]*\bhosts\\0"')
"""Local services that ask other machines: by the paths of their sockets; what nscd is asked about hosts, not users."""
_NO_BUS = "disabled:"
"""Without an address Qt starts a bus that outlives the program, and strace waits for it."""
_CLOSES_AFTER = 60.0


def main() -> int:
    own = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    own.add_argument("--duration", type=float, default=20.0, help="seconds that the program runs")
    own.add_argument("--window", action="store_true", help="open the window, on the display in DISPLAY")
    own.add_argument("arguments", nargs="*", help="of the program, in place of the demo described by Gemini")
    asked = own.parse_args()
    arguments = [*(asked.arguments or PROGRAM), *([] if asked.window else ["--no-window"])]
    command = [sys.executable, *arguments, "--duration", str(asked.duration)]
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        status = run_traced(command, trace, Path(folder), asked.duration)
        lines = trace.read_text(encoding="utf-8", errors="replace").splitlines() if trace.exists() else []
    if status or not lines:
        print(f"The program ended with {status}, {len(lines)} lines were traced: that proves nothing.")
        return 2
    found = list(uses_of_network(lines))
    print(*found, f"{len(lines)} lines traced, {len(found)} uses of the network.", sep="\n")
    return 1 if found else 0


def run_traced(command: Sequence[str], trace: Path, folder: Path, duration: float) -> int:
    """Write the trace of a command and all its children to a file; gives the exit status. `folder` is its home."""
    tracer = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace)]
    if not shutil.which("strace") or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode:
        print("strace is not installed, or nothing may be traced here.")
        sys.exit(2)
    network = () if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode else EMPTY
    print("In an empty network." if network else "An empty network is not permitted here: traced alone.", flush=True)
    own = {"SCENE_NARRATOR_CONFIG": str(folder), "SCENE_NARRATOR_LOG": str(folder), "GEMINI_API_KEY": "nobodys"}
    environment = {"DBUS_SESSION_BUS_ADDRESS": _NO_BUS} | os.environ | own
    program = subprocess.Popen([*network, *tracer, *command], cwd=ROOT, env=environment, start_new_session=True)
    try:
        return program.wait(duration + _CLOSES_AFTER)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        return program.wait()


def uses_of_network(lines: Sequence[str]) -> Iterator[str]:
    """Those lines of a trace that tell of another machine."""
    for line in lines:
        hosts = _ADDRESS.findall(line)
        is_own = len(hosts) == len(_FAMILY.findall(line)) and all(map(_is_this_machine, hosts))
        if not is_own or _NAME_SERVICES.search(line):
            yield line


def _is_this_machine(host: str) -> bool:
    address = ip_address(host)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


if __name__ == "__main__":
    sys.exit(main())
