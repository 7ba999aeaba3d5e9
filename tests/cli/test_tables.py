"""`fairlift results --format`: one row for each figure, for spreadsheets and programs."""

import csv
import io
import json
import math
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_cli.__main__ import main
from fairlift_cli.failures import Misused
from fairlift_cli.tables import COLUMNS, TABLE_FORMATS, figure_rows, table_content

from tests.cli.reports import report

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def one(rows: list[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def as_json(sent: pb.Report) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(table_content(figure_rows(sent), "json"))
    return rows


def test_each_figure_of_a_report_has_a_row() -> None:
    """Expected: what tests/cli/reports.py writes into the report."""
    rows = as_json(report())

    assert all(tuple(row) == COLUMNS for row in rows)
    orders = one(rows, figure="orders", variant="free")
    assert (orders["value"], orders["variant_name"], orders["metric"]) == (
        500,
        "Envío gratis",
        None,
    )
    assert one(rows, figure="revenue", variant="control")["value"] == 25_000.12
    lift = one(rows, figure="lift", metric="revenue_per_visitor", attribute=None)
    assert (lift["value"], lift["lower"], lift["upper"]) == (0.061, 0.061 - 0.03, 0.061 + 0.03)
    assert (lift["confidence"], lift["role"], lift["quantity"]) == (0.95, "primary", "money")
    assert (lift["currency"], lift["look_of"]) == ("EUR", "2026-03-01T23:00:00Z")
    always_valid = one(rows, figure="sequential_lift", metric="revenue_per_visitor")
    assert (always_valid["lower"], always_valid["upper"]) == (0.061 - 0.05, 0.061 + 0.05)
    assert one(rows, figure="p_value", metric="conversion_rate", attribute=None)["value"] == 0.0123
    unsaid = one(rows, figure="lift", metric="nps")
    assert (unsaid["value"], unsaid["note"]) == (None, "nobody answered")
    mobile = one(rows, figure="lift", segment="mobile")
    assert (mobile["value"], mobile["units"], mobile["attribute"]) == (0.062, 14_982, "device")
    assert one(rows, figure="sentence", segment="desktop")["note"] == "desktop: too few to say."
    assert one(rows, figure="heterogeneity_p_value")["value"] == 0.4


def test_the_verdict_its_own_lift_and_the_worth_of_a_week_have_rows() -> None:
    """Expected: as written into the report here, and by tests/cli/reports.py."""
    sent = report()
    told, wide = sent.verdict, Interval(lower=0.01, upper=0.09, confidence=0.95)
    told.variant, told.metric, told.cause = "free", "revenue_per_visitor", pb.VERDICT_CAUSE_WON
    told.lift, told.raw_lift, told.evidence = 0.05, 0.061, 1.0
    told.lift_interval.CopyFrom(wide)
    told.reasons.add(code="corrected", sentence="+5% is corrected.")
    sent.worths.add(
        variant="free", metric="revenue_per_visitor", weekly=1_204.5, sentence="Worth €1,204.",
        weekly_interval=Interval(lower=10.0, upper=2_000.0, confidence=0.95),
    )  # fmt: skip
    sent.worths.add(variant="popup", metric="profit_per_visitor", sentence="Cannot be said.")

    rows = as_json(sent)

    verdict = one(rows, figure="verdict")
    assert (verdict["note"], verdict["variant_name"]) == ("ship", "Envío gratis")
    assert (verdict["metric"], verdict["role"]) == ("revenue_per_visitor", "primary")
    assert one(rows, figure="verdict_cause")["note"] == "won"
    assert one(rows, figure="verdict_sentence")["note"] == told.sentence
    assert one(rows, figure="action")["note"] == "Show it to everybody."
    lift = one(rows, figure="verdict_lift")
    assert (lift["value"], lift["lower"], lift["upper"]) == (0.05, 0.01, 0.09)
    assert (lift["confidence"], lift["note"]) == (0.95, "+5% is corrected.")
    measured = one(rows, figure="verdict_raw_lift")
    assert (measured["value"], measured["note"]) == (0.061, None)
    assert one(rows, figure="evidence")["value"] == 1.0
    worth = one(rows, figure="weekly_worth", variant="free")
    assert (worth["value"], worth["lower"], worth["upper"]) == (1_204.5, 10.0, 2_000.0)
    assert (worth["currency"], worth["note"]) == ("EUR", "Worth €1,204.")
    unknown = one(rows, figure="weekly_worth", variant="popup")
    assert (unknown["value"], unknown["note"]) == (None, "Cannot be said.")
    assert unknown["metric"] == "profit_per_visitor"


def test_what_a_verdict_does_not_tell_has_no_row() -> None:
    sent = pb.Report(campaign="campaigns/x")
    assert as_json(sent) == []

    sent.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    (row,) = as_json(sent)
    assert (row["figure"], row["note"], row["variant"]) == ("verdict", "keep_going", None)


def test_no_figure_has_two_rows() -> None:
    rows = as_json(report())

    keys = [(r["metric"], r["attribute"], r["segment"], r["variant"], r["figure"]) for r in rows]
    assert len(keys) == len(set(keys))


def test_a_metric_that_failed_and_a_number_that_is_none_say_so() -> None:
    sent = pb.Report(campaign="campaigns/x")
    sent.metrics.add(metric="nps", error="the metric failed")
    broken = sent.metrics.add(metric="y", comparisons=[pb.MetricResult.Comparison(variant="b")])
    broken.arms.add(variant="b", estimate=math.inf)
    broken.comparisons[0].lift_interval.lower = 0.5
    broken.comparisons[0].lift = math.nan
    broken.comparisons[0].guardrail = pb.GUARDRAIL_STANDING_SAFE
    broken.comparisons[0].sequential_difference_interval.upper = 2.0

    rows = as_json(sent)

    assert one(rows, metric="nps")["note"] == "the metric failed"
    assert one(rows, figure="estimate", variant="b")["value"] is None
    lift = one(rows, figure="lift")
    assert (lift["value"], lift["lower"], lift["upper"]) == (None, 0.5, None)
    assert one(rows, figure="guardrail")["note"] == "safe"
    assert one(rows, figure="sequential_difference")["upper"] == 2.0
    assert rows[0]["look_of"] is None


HOSTILE = (
    "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", "\r=1+1", "\x00=1", "\u202e=1", " =1",
    '"><script>', "a|b\nc", "[x](javascript:alert(1))", "🎄" * 300,
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_is_a_formula_in_any_format(name: str) -> None:
    sent = report()
    sent.display_name = sent.totals[0].display_name = name
    sent.segments[0].segments[0].value = name

    rows = figure_rows(sent)

    for row in read_csv(table_content(rows, "csv")):
        for column in ("campaign_name", "variant_name", "segment"):
            assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r", "\0"))
            assert not any(sign in row[column] for sign in "\x00\t\r\n\u202e")
    cells = list(sheet(table_content(rows, "xlsx")))
    assert len(cells) == len(rows) + 1
    assert not any(str(cell).startswith("=") for line in cells for cell in line)
    lines = table_content(rows, "markdown").decode().splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {lines[0].count("|")}
    assert not any(sign in "".join(lines) for sign in ("<script>", "[x](", "\u202e"))
    assert {row["campaign_name"] for row in json.loads(table_content(rows, "json"))} == {name}


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def sheet(content: bytes) -> Iterator[list[object]]:
    """The cells of the worksheet, each by its type; a formula is refused."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        strings = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        texts = ["".join(text.itertext()) for text in strings.iter(f"{_SHEET}si")]
        root = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
    assert not list(root.iter(f"{_SHEET}f"))
    for row in root.iter(f"{_SHEET}row"):
        cells: list[object] = []
        for cell in row:
            value = cell.findtext(f"{_SHEET}v") or ""
            kind = cell.attrib.get("t")
            read: object = float(value) if kind is None else value == "1"
            cells.append(texts[int(value)] if kind == "s" else read)
        yield cells


def test_numbers_are_numbers_in_every_format() -> None:
    rows = figure_rows(report())
    wanted = [row["value"] for row in rows if row["value"] is not None]

    from_csv = [float(row["value"]) for row in read_csv(table_content(rows, "csv")) if row["value"]]
    in_json = [row["value"] for row in json.loads(table_content(rows, "json"))]
    numbers = [cell for line in sheet(table_content(rows, "xlsx")) for cell in line]

    assert from_csv == wanted
    assert [value for value in in_json if value is not None] == wanted
    assert all(value in numbers for value in wanted if isinstance(value, float))
    markdown = table_content(rows, "markdown").decode()
    assert all(f"| {value} |" in markdown for value in wanted)


@pytest.mark.parametrize("kind", TABLE_FORMATS)
def test_a_report_without_anything_is_a_table_without_rows(kind: str) -> None:
    content = table_content(figure_rows(pb.Report()), kind)

    assert content


def test_excel_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    monkeypatch.setattr("fairlift.extras._is_installed", lambda name: name != "xlsxwriter")

    with pytest.raises(Misused, match=r"missing: xlsxwriter.*pip install 'fairlift\[report\]'"):
        table_content([], "xlsx")


CAMPAIGN = """campaign: tabled
variants: [{id: control, weight: 1}, {id: free, weight: 1}]
plan:
  primary: [{metric: conversion_rate, minimum_effect: 10%}]
  planned_units: 1000
  maximum_days: 14
"""


def test_the_command_writes_one_campaign_and_all(address: str, tmp_path: Path) -> None:
    (tmp_path / "tabled.yaml").write_text(CAMPAIGN, encoding="utf-8")
    run = CliRunner(env={"FAIRLIFT_SERVER": address}).invoke
    assert run(main, ["apply", "--yes", str(tmp_path / "tabled.yaml")]).exit_code == 0
    assert run(main, ["start", "tabled"]).exit_code == 0
    path = tmp_path / "figures.csv"

    printed = run(main, ["results", "tabled", "--format", "csv"])
    written = run(main, ["results", "tabled", "--format", "csv", "-o", str(path)])
    every = run(main, ["results", "--format", "json"])

    assert (printed.exit_code, written.exit_code, every.exit_code) == (0, 0, 0), every.output
    assert path.read_bytes().decode("utf-8-sig") == printed.stdout_bytes.decode()
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert one(read_csv(printed.stdout_bytes), figure="units", variant="free")["value"] == "0"
    assert "tabled" in {row["campaign"] for row in json.loads(every.stdout)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "csv", "--json"], "--format cannot be given together with --json"),
        (["-o", "x.csv"], "-o needs --format"),
        (["--format", "excel"], "'excel' is not one of 'csv', 'xlsx', 'json', 'markdown'"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: list[str], said: str) -> None:
    run = CliRunner().invoke(main, ["results", "x", *words])

    assert run.exit_code == 2
    assert said in run.stderr


def test_a_file_that_cannot_be_written_is_named(address: str, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "x.csv"

    run = CliRunner().invoke(
        main, ["results", "--format", "csv", "-o", str(path), "--server", address]
    )

    assert run.exit_code == 2
    assert str(path) in run.stderr
