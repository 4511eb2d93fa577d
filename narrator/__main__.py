"""Where both the program and its child processes begin."""

import sys


def main() -> int:
    """Run the command line, or what a parent process started this one for. Returns the exit code."""
    if sys.argv[1:2] == ["--child"]:  # before anything heavy: a child must be ready in a few hundredths of a second
        from narrator.children import serve

        return serve(sys.argv[2:])
    from narrator.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
