"""Tables of the calibration page."""

from collections.abc import Iterable, Sequence

from fairlift_stats.methods.one_rate import clopper_pearson


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with four digits."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def share_bounds(share: float, runs: int) -> str:
    found = clopper_pearson(round(share * runs), runs, confidence=0.99)
    return f"{found.low:.4f}–{found.high:.4f}"
