"""A picture in a notebook proves no more than the corrected p-value beside it."""

import re

import pandas as pd
import pytest
from fairlift_stats import FrameReport, Mean, analyze

_NOTE = "adjusted p is corrected for their number"


@pytest.fixture(scope="module")
def report() -> FrameReport:
    """Five metrics; the first has p ≈ 0.02 alone, which five questions make 0.1."""
    shuffled = [float((i // 2) * 7 % 10) for i in range(400)]
    lifted = [value + (0.66 if i % 2 else 0.0) for i, value in enumerate(shuffled)]
    clear = [value + (3.0 if i % 2 else 0.0) for i, value in enumerate(shuffled)]
    rows = pd.DataFrame({"variant": ["control", "new"] * 200, "lifted": lifted, "clear": clear})
    flat = {f"flat_{number}": [value + number + 1 for value in shuffled] for number in range(3)}
    rows = rows.assign(**flat)
    names = ["lifted", "clear", *flat]
    return analyze(rows, metrics=[Mean(name, name) for name in names])


def test_blue_is_what_the_corrected_p_value_shows(report: FrameReport) -> None:
    first, clear, *_ = report.results
    assert isinstance(first["lift_low"], float)
    assert first["lift_low"] > 0
    assert first.p_value is not None
    assert first.adjusted_p is not None
    assert first.p_value < 0.05 < first.adjusted_p
    assert clear.adjusted_p is not None
    assert clear.adjusted_p < 0.05

    html = report._repr_html_()

    assert html is not None
    bars = re.findall(r'<line[^>]*stroke-width="10"[^>]*>', html)
    colours = re.findall(r'stroke="([^"]*)"', "".join(bars[:5]))
    assert colours == ["var(--muted)", "var(--accent)", *["var(--muted)"] * 3]
    assert "below 5%" in html
    assert _NOTE in html


def test_intervals_are_said_not_to_be_corrected(report: FrameReport) -> None:
    rows = pd.DataFrame({"variant": ["control", "new"] * 50, "x": [1.0, 2, 4, 8] * 25})

    assert _NOTE in str(report)
    assert _NOTE not in str(analyze(rows, metrics=[Mean("x", "x")]))
