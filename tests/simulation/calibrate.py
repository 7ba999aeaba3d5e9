"""Write docs/calibration.md: what was simulated, how often we were right, and where we are not."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.simulation import estimation, sequential, server_campaigns

PAGE: Final = Path(__file__).parents[2] / "docs" / "calibration.md"
PARTS: Final[Mapping[str, Mapping[str, Callable[[Path], str]]]] = {
    "Estimation": estimation.SECTIONS,
    "Sequential analysis": sequential.SECTIONS,
    "Through a server": server_campaigns.SECTIONS,
}
HEAD: Final = """# Calibration

Written by `make calibrate` with each release; do not edit. Seeds are fixed; every figure comes from
the functions that the product uses. Where a method does not hold, the page says so.
"""


def write(page: Path = PAGE) -> None:
    """Run every section, and write the page and its plots beside it."""
    plots = page.parent / page.stem
    plots.mkdir(parents=True, exist_ok=True)
    parts = [HEAD]
    for part, sections in PARTS.items():
        parts.append(f"\n## {part}\n")
        for title, section in sections.items():
            start = time.monotonic()
            parts.append(f"\n### {title}\n\n{section(plots).rstrip()}\n")
            took = time.monotonic() - start
            # After each section, so that hours are not lost to the last one.
            page.write_text("".join(parts), encoding="utf-8")
            print(f"{part}: {title} ({took:.0f} s)", file=sys.stderr)  # noqa: T201 - its progress


if __name__ == "__main__":
    write()
