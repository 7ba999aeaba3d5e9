"""The entry point `fairlift`; prints one line when a package for it is missing."""

import sys


def main() -> None:
    """Runs the command; exit code 2 when the extra `cli` is not installed."""
    try:
        from fairlift_cli.__main__ import main as run

        run()
    except ModuleNotFoundError:
        from fairlift.extras import missing_line

        if not (line := missing_line("fairlift", "cli")):
            raise
        print(line, file=sys.stderr)
        sys.exit(2)
