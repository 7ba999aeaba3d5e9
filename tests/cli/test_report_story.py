"""One story on one page: which figure is the verdict's, and whom it speaks of."""

import re

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2

from tests.cli.reports import report, shown


def stopped_early() -> pb.Report:
    """A report whose verdict is that of look 3, though look 5 has more data."""
    found = report()
    verdict = found.verdict
    verdict.variant, verdict.metric = "free", "revenue_per_visitor"
    verdict.lift, verdict.raw_lift = 0.118, 0.061
    verdict.lift_interval.lower, verdict.lift_interval.upper = 0.013, 0.21
    verdict.deciding_look.number = 3
    verdict.deciding_look.as_of_time.FromJsonString("2026-02-14T23:00:00Z")
    verdict.ClearField("reasons")
    verdict.cause = pb.VERDICT_CAUSE_WON
    verdict.reasons.add(
        code="corrected_then", sentence="+11.8% is of February 14; all data show +6.1%."
    )
    verdict.reasons.add(code="false_alarm", sentence="It is certain.")
    return found


def test_where_the_verdict_s_figure_is_of_an_earlier_look_the_two_are_told_at_once() -> None:
    rows = shown(stopped_early()).splitlines()

    why = rows.index("+11.8% is of February 14; all data show +6.1%.")
    assert rows[why - 1].startswith("Free earns more")
    assert rows[why + 1].startswith("What to do:")
    assert sum("February 14" in row for row in rows) == 1


@pytest.mark.parametrize(
    ("encoding", "verdict", "point"), [("utf-8", "◆", "●"), ("ascii", "*", "o")]
)
def test_the_picture_shows_both_figures_and_says_which_look_each_is_of(
    encoding: str, verdict: str, point: str
) -> None:
    rows = shown(stopped_early(), encoding=encoding).splitlines()

    start = next(index for index, row in enumerate(rows) if "lift over" in row)
    _, all_data, decided, *legend = rows[start + 1 : start + 7]
    assert all_data.startswith("Env")
    assert decided.startswith("  verdict ")
    # +11.8 % stands further right than +6.1 %.
    assert decided.index(verdict) > all_data.index(point)
    said = " ".join(" ".join(legend).split())
    assert said.startswith(f"{verdict} +11.8%: the verdict's figure, from analysis 3 (")
    assert f"{point} +6.1%: as measured, from all data up to analysis 5" in " ".join(legend)
    assert "(to the end of Mar 1, 2026)." in shown(stopped_early(), encoding=encoding, width=100)


def test_one_figure_needs_no_legend() -> None:
    text = shown(report())

    assert "verdict" not in text
    assert "◆" not in text


def test_a_figure_without_a_lift_is_told_but_cannot_be_drawn() -> None:
    found = stopped_early()
    found.verdict.ClearField("lift_interval")

    assert "+11.8% is of February 14" in shown(found)
    assert "◆" not in shown(found)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "customers"), ("es", "clientes"), ("ro", "clienți")]
)
def test_a_campaign_of_customers_is_told_of_customers(language: str, said: str) -> None:
    found = report()
    found.unit = value_pb2.UNIT_KIND_CUSTOMER
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    found.verdict.sentence = "More is earned."

    text = shown(found, language=language, details=True)

    assert said in text
    assert said.capitalize() in text
    assert not re.search("visitor|visitante|vizitator", text, re.IGNORECASE)
