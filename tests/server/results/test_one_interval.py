"""One figure has one interval: in the table, in the list of looks, in the verdict, on the page."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event
from fairlift_cli.report import show_report
from fairlift_cli.screen import Screen
from fairlift_stats.locale import figure_text
from fairlift_stats.messages import Percent
from rich.console import Console

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import START, start
from tests.server.live_days import DAY, list_looks, live_until, planned, read

GUARDRAIL = "revenue_per_visitor"


def day_of(day: int, price: float) -> Iterator[Event]:
    """A hundred visitors an arm, of whom twenty buy; the treatment's orders have this price."""
    for arm, paid in (("control", 20.0), ("free", price)):
        for number in range(100):
            unit, at = f"{arm}-{day}-{number}", START + (day - 1) * DAY + DAY * (number / 100)
            yield shop.exposure(unit, arm, at=at)
            if number < 20:
                line = shop.line(paid + number % 5)
                yield shop.order(unit, f"o-{unit}", line, at=at + timedelta(minutes=1))


def page(report: pb.Report) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=160, markup=False, highlight=False, emoji=False)
    show_report(Screen(console=console), report)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("price", "standing"),
    [
        (8.0, pb.GUARDRAIL_STANDING_HARMED),
        (20.0, pb.GUARDRAIL_STANDING_OPEN),
        (40.0, pb.GUARDRAIL_STANDING_SAFE),
    ],
)
async def test_a_guardrail_s_figure_has_one_interval_wherever_it_stands(
    tmp_path: Path, price: float, standing: pb.GuardrailStanding.ValueType
) -> None:
    campaign = planned()
    campaign.plan.guardrails.add(metric=GUARDRAIL, margin=0.05)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        # The first week of visitors is complete on day 10; harm may be seen before.
        for day in range(1, 11):
            await live_until(caller, day, day_of(day, price))
            report = await read(caller)
            if report.verdict.kind == pb.VERDICT_KIND_STOP_HARM:
                break
        looks = await list_looks(caller)

    row = next(m for m in report.metrics if m.metric == GUARDRAIL).comparisons[0]
    assert row.guardrail == standing
    look = next(c for c in looks[-1].comparisons if c.metric == GUARDRAIL)
    assert row.lift == pytest.approx(look.lift)
    assert row.sequential_lift_interval == look.lift_interval
    assert row.sequential_difference_interval == look.difference_interval
    interval = row.sequential_lift_interval
    ends = [figure_text(Percent(end, 1, signed=True)) for end in (interval.lower, interval.upper)]
    text = page(report)
    assert " … ".join(ends) in text
    if standing != pb.GUARDRAIL_STANDING_HARMED:
        # Safety is shown on one side at 5 %: the interval leaves out as much on the other.
        assert interval.confidence == pytest.approx(0.90)
        assert f"{' … '.join(ends)} (90%)" in text
        return
    # Harm of the only guardrail in the only treatment: 2.5 % on its side.
    assert interval.confidence == pytest.approx(0.95)
    assert (report.verdict.cause, report.verdict.metric) == (
        pb.VERDICT_CAUSE_GUARDRAIL_HARM, GUARDRAIL,
    )  # fmt: skip
    assert report.verdict.lift == row.lift
    assert report.verdict.lift_interval == interval
    assert f"(between {ends[0]} and {ends[1]})" in report.verdict.sentence
    # What was shown to be harmed lies beyond its margin with the whole interval.
    assert interval.upper < -0.05
