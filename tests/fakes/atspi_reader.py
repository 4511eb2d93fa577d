"""Reads a running program as a screen reader would: its tree, what it announces, and its buttons pressed.

Runs with the system's Python, which has `gi`: atspi_reader.py NAME. Writes one JSON object a line: the tree, then one
for each announcement. For each line on standard input it presses the button of that name and writes whether it could.
"""

import json
import sys
import time
from collections.abc import Iterator

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402 - the version comes first

PATIENCE = 20.0


def application(name: str) -> Atspi.Accessible:
    """The application whose name contains `name`, as soon as it is there with a window."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for candidate in children(Atspi.get_desktop(0)):
            if name in (candidate.get_name() or "") and candidate.get_child_count():
                return candidate
        time.sleep(0.1)
    sys.exit(f"no accessible application named {name}")


def children(node: Atspi.Accessible) -> Iterator[Atspi.Accessible]:
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child is not None:
            yield child


def tree(node: Atspi.Accessible) -> dict[str, object]:
    """A node and all below it."""
    return {
        "role": node.get_role_name(),
        "name": node.get_name(),
        "description": node.get_description(),
        "actions": node.get_n_actions(),
        "focusable": node.get_state_set().contains(Atspi.StateType.FOCUSABLE),
        "children": [tree(child) for child in children(node)],
    }


def button(node: Atspi.Accessible, name: str) -> Atspi.Accessible | None:
    if node.get_role() == Atspi.Role.PUSH_BUTTON and node.get_name() == name:
        return node
    return next((found for child in children(node) if (found := button(child, name))), None)


def write(record: object) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def main() -> None:
    Atspi.init()
    program = application(sys.argv[1])
    listener = Atspi.EventListener.new(lambda event: write({"announced": event.any_data, "politeness": event.detail1}))
    listener.register("object:announcement")
    write({"tree": tree(program)})

    def obey(*_: object) -> bool:
        name = sys.stdin.readline().strip()
        if not name:
            Atspi.event_quit()
            return False
        found = button(program, name)
        write({"pressed": name, "accepted": bool(found) and found.do_action(0)})
        return True

    GLib.io_add_watch(
        GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, obey
    )
    Atspi.event_main()


if __name__ == "__main__":
    main()
