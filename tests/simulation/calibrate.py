"""Write docs/calibration.md: what was simulated, how often we were right, and where we are not.

`python -m tests.simulation.calibrate` runs every section; with titles, only those: each replaces
its own part of the page.
"""

import re
import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from tests.simulation import (
    decision_sections,
    estimation,
    sequential,
    server_campaigns,
    server_clocks,
)
from tests.simulation.tables import HELD, MISSED

PAGE: Final = Path(__file__).parents[2] / "docs" / "calibration.md"
PARTS: Final[Mapping[str, Mapping[str, Callable[[Path], str]]]] = {
    "The decision": decision_sections.SECTIONS,
    "Through a server": server_campaigns.SECTIONS | server_clocks.SECTIONS,
    "Estimation": estimation.SECTIONS,
    "Sequential analysis": sequential.SECTIONS,
}
HEAD: Final = """# Calibration

Written by `make calibrate`; do not edit. What Fairlift promises is simulated here, and counted.

- **The decision** goes through the product from daily sums to the verdict: summaries, comparisons
  of the report, the look log, `decide`, and the lift that the verdict prints. **Through a server**
  adds the SDK, gRPC, the ledger and its queries. The other parts try single methods.
- Bounds are exact binomial ones of 99 %. *Holds* says whether the promise lies within them (for
  *at most* and *at least*: on the right side). About one promise in a hundred that is kept misses
  its bounds by chance; a *yes* shows no more than the bounds do.
- Seeds are fixed, so the figures come out again; only salts, which a server draws itself, do not.
  Rows of a table that share a seed share its luck: they are not independent of each other.
"""
_SECTION: Final = re.compile(r"^### (.+)\n\n((?:.*\n)*?)(?=\n*^##|\Z)", re.MULTILINE)


def write(titles: Collection[str] = (), page: Path = PAGE) -> None:
    """Run these sections, or all, and write each into the page, its plots beside it.

    Raises:
        SystemExit: there is no section of such a title.
    """
    sections = {title: run for part in PARTS.values() for title, run in part.items()}
    unknown = [title for title in titles if title not in sections]
    if unknown:
        raise SystemExit(f"no section {unknown[0]!r}; there are {', '.join(sections)}")
    plots = page.parent / page.stem
    plots.mkdir(parents=True, exist_ok=True)
    for title in titles or sections:
        start = time.process_time(), time.monotonic()
        text = sections[title](plots).rstrip() + "\n"
        # After each section, so that hours are not lost to the last one; read anew, since another
        # process may have written another section.
        texts = _texts(page) | {title: text}
        page.write_text(_joined(texts), encoding="utf-8")
        took = time.process_time() - start[0], time.monotonic() - start[1]
        print(f"{title}: {took[0]:.0f} s of one core, {took[1]:.0f} s", file=sys.stderr)  # noqa: T201 - its progress


def _texts(page: Path) -> dict[str, str]:
    """The sections of the page as it stands."""
    if not page.exists():
        return {}
    return {
        title: text.rstrip() + "\n" for title, text in _SECTION.findall(page.read_text("utf-8"))
    }


def _joined(texts: Mapping[str, str]) -> str:
    parts = [HEAD, "\n", _summary(texts)]
    for part, sections in PARTS.items():
        written = [f"\n### {title}\n\n{texts[title]}" for title in sections if title in texts]
        parts += [f"\n## {part}\n", *written] if written else []
    return "".join(parts)


def _summary(texts: Mapping[str, str]) -> str:
    """How many promises were held against, and those that do not hold."""
    lines = [
        (title, line) for title, text in texts.items() for line in text.splitlines()
        if line.endswith((f"| {HELD} |", f"| {MISSED} |"))
    ]  # fmt: skip
    missed = [(title, line) for title, line in lines if line.endswith(f"{MISSED} |")]
    start = f"Of {len(lines)} promises that are held against a simulation below, "
    if not missed:
        return f"{start}none misses its bounds.\n"
    rows = (f"- {title}: {', '.join(_cells(line))}" for title, line in missed)
    return f"{start}these miss their bounds:\n\n" + "\n".join(rows) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")[:-1] if cell.strip()]


if __name__ == "__main__":
    write(sys.argv[1:])
