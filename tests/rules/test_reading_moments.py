"""Looks and verdicts do not depend on when somebody reads: over histories of events in memory.

The ledger here is a list of groups of visitors, each with the moment at which it came in; the looks
are those of the server's own code.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairlift.engine.metric import OrderMeasure
from fairlift.wire.campaign import campaign_from
from fairlift_server.analysis.columns import maturity_us
from fairlift_server.analysis.day_calendar import DAY_US, DayCalendar
from fairlift_server.analysis.ledger_cell import LedgerCell, UnitSums
from fairlift_server.analysis.ledger_query import ColumnGroup, EntryCount, LedgerAnswer, LedgerQuery
from fairlift_server.events.intake import Intake
from fairlift_server.results.analysis_plan import analysis_plan_of
from fairlift_server.results.campaign_days import HOUR_US, CampaignDays
from fairlift_server.results.look import LookRequest, LookResult, make_looks
from fairlift_stats.sequential.sealed_looks import SealedContent
from fairlift_stats.verdict.ruling import FINAL
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server import shop

ZONE = "UTC"
FIRST_DAY = 20_000
START_US = DayCalendar(ZONE).end_us(FIRST_DAY - 1)
DAYS = 14
SETTLE_US = 2 * HOUR_US
PLAN = analysis_plan_of(
    campaign_from(
        shop.campaign(metric="conversion_rate", planned_units=700, maximum_days=14, window_days=3)
    ),
    currency="EUR",
)
ALL_DAYS = CampaignDays(ZONE, START_US, START_US, SETTLE_US)


@dataclass(frozen=True, slots=True)
class Visitors:
    """Visitors of one variant who came on one day, and those of them who bought at once.

    The orders of `late_buyers` came in at `late_us`, long after the day had settled.
    """

    arm: str
    day: int
    units: int
    buyers: int
    received_us: int
    late_buyers: int = 0
    late_us: int = 0

    @property
    def first_us(self) -> int:
        return START_US + self.day * DAY_US + DAY_US // 2

    def bought_by(self, now_us: int) -> int:
        return self.buyers + (self.late_buyers if self.late_us <= now_us else 0)


@st.composite
def histories(draw: st.DrawFn) -> list[Visitors]:
    """Two weeks of visitors; what happens on a day comes in before it has settled."""
    rng = random.Random(draw(st.integers(0, 10_000)))
    lead = draw(st.sampled_from([0.0, 0.1, 0.3]))
    late = draw(st.booleans())
    found = []
    for day in range(DAYS):
        for arm, chance in (("control", 0.2), ("free", 0.2 + lead)):
            bought = sum(rng.random() < chance for _ in range(25))
            end_us = START_US + (day + 1) * DAY_US
            # From noon until just before the day has settled.
            received = rng.randrange(end_us - DAY_US // 2, end_us + SETTLE_US)
            more = rng.randrange(26 - bought) if late and rng.random() < 0.4 else 0
            late_us = end_us + rng.randrange(SETTLE_US, 6 * DAY_US)
            found.append(Visitors(arm, day, 25, bought, received, more, late_us))
    return found


def ledger_of(visitors: Sequence[Visitors], now_us: int, query: LedgerQuery) -> LedgerAnswer:
    """What the ledger answers at a moment."""
    known = [v for v in visitors if v.received_us <= now_us]
    return LedgerAnswer(
        query,
        tuple(
            EntryCount(
                v.arm, FIRST_DAY + v.day, None, v.units, v.first_us, v.first_us, v.first_us,
                v.late_us if v.late_buyers and v.late_us <= now_us else v.received_us, 0, 0, 0,
                {group.maturity: v.units for group in query.groups},
            )
            for v in known
        ),
        tuple(cell for v in known for group in query.groups for cell in _cells(v, now_us, group)),
        (),
        {},
    )  # fmt: skip


def _cells(v: Visitors, now_us: int, group: ColumnGroup) -> Iterator[LedgerCell]:
    buyers = v.bought_by(now_us)
    amount = {c.name: 20_000_000 if c.is_money else 1 for c in PLAN.columns}
    of_refunds = {c.name for c in PLAN.columns if c.measure is OrderMeasure.REFUNDED_ORDERS}
    amount |= dict.fromkeys(of_refunds, 0)
    mature_us = v.first_us + maturity_us(group.maturity)
    totals = (
        *(buyers * amount[name] for name in group.columns),
        *(buyers * amount[a] * amount[b] for a, b in group.products),
        *(buyers * amount[a] * amount[b] * amount[c] for a, b, c in group.thirds),
    )
    mature_day = DayCalendar(ZONE).day_of(mature_us)
    sums = UnitSums(v.units, totals)
    yield LedgerCell(group.maturity, v.arm, FIRST_DAY + v.day, mature_day, None, None, sums)


def read_at(
    visitors: Sequence[Visitors], stored: Sequence[SealedContent], made_us: int, now_us: int
) -> LookResult:
    request = LookRequest(
        PLAN, "plan", ALL_DAYS, tuple(stored), made_us, now_us, Intake(START_US - DAY_US)
    )
    return make_looks(lambda queries: [ledger_of(visitors, now_us, q) for q in queries], request)


def read_all(visitors: Sequence[Visitors], moments: Sequence[int]) -> list[LookResult]:
    """What each reader saw, in order."""
    stored: list[SealedContent] = []
    results, made_us = [], START_US
    for now_us in sorted(moments):
        result = read_at(visitors, stored, made_us, now_us)
        stored += result.new
        made_us = now_us if result.new else made_us
        results.append(result)
    return results


def sealed_looks(results: Sequence[LookResult]) -> list[SealedContent]:
    return [look for result in results for look in result.new]


END_US = START_US + (DAYS + 4) * DAY_US
moments = st.lists(st.integers(START_US, END_US), max_size=5)


@settings(max_examples=8, deadline=None)
@given(visitors=histories(), one=moments, other=moments)
def test_whoever_reads_when_the_looks_and_the_verdict_are_the_same(
    visitors: list[Visitors], one: list[int], other: list[int]
) -> None:
    prompt = [Visitors(v.arm, v.day, v.units, v.buyers, v.received_us) for v in visitors]

    daily = [START_US + (day + 1) * DAY_US + SETTLE_US for day in range(DAYS)]
    seen = [read_all(prompt, [*at, END_US]) for at in (one, other, daily, [])]

    for results in seen[1:]:
        assert sealed_looks(results) == sealed_looks(seen[0])
        assert results[-1].verdict == seen[0][-1].verdict


@settings(max_examples=8, deadline=None)
@given(visitors=histories(), at=moments)
def test_late_orders_and_later_readers_change_no_look_and_take_no_decision_back(
    visitors: list[Visitors], at: list[int]
) -> None:
    results = read_all(visitors, [*at, END_US])

    looks = sealed_looks(results)
    assert len(looks) == len(results[-1].looks)
    decided = None
    for result in results:
        contents = [look.content for look in looks[: len(result.looks)]]
        assert [kept.to_json() for kept in result.looks] == contents
        verdict = result.verdict
        if decided is not None:
            assert verdict is not None
            assert (verdict.kind, verdict.cause, verdict.variant, verdict.decided_day) == decided
        elif verdict is not None and verdict.kind in FINAL:
            decided = (verdict.kind, verdict.cause, verdict.variant, verdict.decided_day)


@settings(max_examples=4, deadline=None)
@given(visitors=histories(), order=st.randoms(use_true_random=False))
def test_the_order_in_which_the_ledger_gives_its_rows_does_not_matter(
    visitors: list[Visitors], order: random.Random
) -> None:
    shuffled = list(visitors)
    order.shuffle(shuffled)

    (once,), (again,) = (read_all(v, [END_US]) for v in (visitors, shuffled))

    assert again.verdict == once.verdict
    assert [kept.look for kept in again.looks] == [kept.look for kept in once.looks]
