"""docs/metrics.md has the whole catalogue, and examples that `fairlift check` takes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fairlift.engine.metric import (
    CATALOGUE,
    FAMILY_NAMES,
    Direction,
    MeanMetric,
    Metric,
    Quantity,
    RateMetric,
    RatioMetric,
    catalogue_metric,
)
from fairlift_cli.check import check_documents
from fairlift_cli.reader import read_text

PAGE = (Path(__file__).parent.parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
KINDS = {RateMetric: "rate", MeanMetric: "mean", RatioMetric: "ratio"}
# The way in which the page writes a family, and one of its names.
FAMILIES = {
    "retention_d{a}_{b}": "retention_d30_60",
    "clv_{days}": "clv_90",
    "action_rate(name)": "action_rate(newsletter)",
    "micro_value(name)": "micro_value(view_360)",
    "category_revenue(name)": "category_revenue(Scarves)",
    "category_items(name)": "category_items(Scarves)",
}


def metric_of(row: str) -> Metric:
    metric = catalogue_metric(FAMILIES.get(row, row))
    assert metric is not None, row
    return metric


def test_the_page_and_the_catalogue_list_the_same_names() -> None:
    assert set(ROWS) == {*CATALOGUE, *FAMILY_NAMES}


@pytest.mark.parametrize("row", ROWS)
def test_kind_unit_and_direction_of_a_row_are_the_catalogues(row: str) -> None:
    metric, cells = metric_of(row), ROWS[row]

    assert cells[0] == KINDS[type(metric.kind)]
    assert Quantity(cells[-3].split()[0]) is metric.reads_as
    assert cells[-2] == ("↑" if metric.direction is Direction.HIGHER else "↓")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split()[1])
def test_every_example_passes_check(example: str) -> None:
    reading = read_text(example, "metrics.md")

    findings = [
        *reading.findings,
        *check_documents(reading.documents, now=datetime(2026, 1, 5, tzinfo=UTC)),
    ]
    assert [str(finding) for finding in findings] == []


@pytest.mark.parametrize("row", ROWS)
def test_every_metric_is_asked_for_in_an_example(row: str) -> None:
    assert any(FAMILIES.get(row, row) in example for example in EXAMPLES)
