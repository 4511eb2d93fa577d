"""Looks at processes from outside."""

from pathlib import Path


def is_alive(pid):
    """Whether a process with this number still runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    """The numbers of all processes that this one started, theirs included, that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _parent(entry) == pid and is_alive(int(entry.name)):
            found += [int(entry.name), *children_of(int(entry.name))]
    return found


def _parent(entry):
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
