"""Writes docs/rules.md from the pages that `fairlift explain` prints: `make rules`."""

from pathlib import Path

from fairlift_cli.rules import PAGE

DOCUMENT = Path(__file__).parent.parent / "docs" / "rules.md"


def main() -> None:
    """Copies the page as it is."""
    DOCUMENT.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
