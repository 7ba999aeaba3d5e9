"""How often the rule is wrong: several questions, uneven splits, late buyers; and taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from fairlift_stats.data.metrics import Mean, Metric
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.verdict import Verdict, decide

from tests.simulation.campaigns import CONVERSION, History, Setup, look_log
from tests.simulation.decision_lifts import REVENUE, TICKET
from tests.simulation.shops import ByEntryDay, Counts, Shop
from tests.simulation.tables import AGAINST, Share, table

WINDOW: Final = 3
DAYS: Final = 28
ORDERS: Final = Mean("orders_per_visitor", "orders", buyers="buyers", unit="count")
METRICS: Final[tuple[Metric, ...]] = (CONVERSION, REVENUE, TICKET, ORDERS)
Draw = Callable[[np.random.Generator], History]


def verdicts(setup: Setup, draw: Draw, runs: int, seed: int) -> list[Verdict]:
    """Of so many campaigns, each read when it is over."""
    rng = np.random.default_rng(seed)
    return [decide(setup.plan, look_log(setup, draw(rng))) for _ in range(runs)]


def of_kind(found: Sequence[Verdict], kind: str) -> Share:
    """How many of them are of this kind."""
    return Share.of(verdict.kind == kind for verdict in found)


def many_questions(_: Path) -> str:
    """Any false ship, and a stop for harm, over all treatments and metrics; nothing differs."""
    rows: list[Sequence[object]] = []
    for treatments, metrics, runs in (
        (1, 1, 400),
        (1, 4, 250),
        (2, 2, 250),
        (4, 1, 250),
        (3, 4, 120),
    ):
        setup = Setup.of(
            *METRICS[:metrics],
            treatments=treatments,
            window_days=WINDOW,
            n_max=14_000 * (1 + treatments),
        )
        shop = Shop.steady(0.03, *(0.0,) * treatments, a_day=500, window_days=WINDOW)
        ended = verdicts(setup, shop.orders, runs, 20292)
        for kind, label in (("ship", "shipped any"), ("stop_harm", "stopped for harm")):
            rows.append((treatments, metrics, runs, label, *of_kind(ended, kind).against(0.025)))
    return (
        "Conversion of 3 %, revenue per visitor, average ticket and orders per visitor, 500 "
        "visitors an arm and day. The 2.5 % of a side are shared over treatments and metrics "
        "(Bonferroni), so correlated questions stay below. A campaign with several treatments "
        "is stopped for harm only when all of them are shown to harm.\n\n"
        + table(("treatments", "metrics", "runs", "verdict", *AGAINST), rows)
    )


def uneven_splits(_: Path) -> str:
    """Skewed tickets, half and half or 90/10, with and without a cap that is fixed before."""
    runs = 300
    rows: list[Sequence[object]] = []
    for split, a_day in (("50/50", (500, 500)), ("90/10", (1_800, 200))):
        for label, level in (("none", 1.0), ("99 %", 0.99)):
            shop = Shop(0.05, ((0.0,) * 7,), a_day, sigma=1.2, window_days=WINDOW)
            if level < 1:
                shop = replace(shop, cap=shop.cap_at(level))
            total = sum(a_day)
            setup = Setup.of(
                REVENUE,
                capped=("revenue_per_visitor",) if level < 1 else (),
                n_max=DAYS * total,
                shares=tuple(part / total for part in a_day),
                window_days=WINDOW,
            )
            ended = verdicts(setup, shop.orders, runs, 20293)
            for kind, what in (("ship", "shipped"), ("stop_harm", "stopped for harm")):
                rows.append((split, label, what, *of_kind(ended, kind).against(0.025)))
            skewed = Share.of(v.kind == "inconclusive" and v.cause == "skew_at_end" for v in ended)
            rows.append((split, label, "cannot conclude: skew", str(skewed), "–", "–"))
    return (
        f"Revenue per visitor, conversion of 5 %, lognormal tickets with sigma 1.2, {runs} "
        "campaigns without an effect a row. Beside a small arm the skewness of tickets does not "
        "cancel: without a cap such a campaign gets no verdict unless its skewness is small; with "
        "a cap fixed before the start Hall's transformation takes out what is left.\n\n"
        + table(("split", "cap", "verdict", *AGAINST), rows)
    )


@dataclass(frozen=True, slots=True)
class OpenEnded:
    """A history without a window: everybody counts at once, with all their orders so far.

    Attributes:
        entry: (units,) day of entry, from 1.
        treated: (units,) whether in the treatment.
        orders: (units, days) orders on each day.
    """

    entry: Counts
    treated: np.ndarray
    orders: Counts

    def counted(self, day: int) -> Sequence[Summary]:
        """Orders until this day of all who have entered."""
        day = min(day, self.orders.shape[1])
        return [self._summary(arm, self.entry <= day, day) for arm in (False, True)]

    def quantiles(self, _day: int) -> Sequence[Quantiles]:
        """None."""
        return [{}, {}]

    def entered(self, day: int) -> Sequence[int]:
        """Units that entered by the end of this day."""
        return [int(np.sum((self.entry <= day) & (self.treated == arm))) for arm in (False, True)]

    def first_days(self, day: int) -> Sequence[tuple[int, int]]:
        """Buyers on the day of entry, and the units that had a day."""
        first = self.orders[np.arange(self.entry.size), self.entry - 1] > 0
        there = self.entry <= day - 1
        return [
            (
                int(np.sum(first & there & (self.treated == arm))),
                int(np.sum(there & (self.treated == arm))),
            )
            for arm in (False, True)
        ]

    def _summary(self, arm: bool, there: np.ndarray, day: int) -> Summary:
        orders = self.orders[(self.treated == arm) & there, :day].sum(axis=1)
        return Summary.from_rows({"buyers": (orders > 0).astype(int), "orders": orders})


def loyal(window: int | None, rng: np.random.Generator, *, visitors: int = 1_500) -> History:
    """Visitors who order for weeks (0.1 a day), two thirds of whom enter on the first day."""
    last = DAYS - (window or 0)
    late = 1 + np.arange(visitors) * last // visitors
    entry = np.where(np.arange(visitors) < 2 * visitors // 3, 1, np.minimum(late, last))
    daily = rng.poisson(0.1, (visitors, DAYS + (window or 0)))
    daily[np.arange(daily.shape[1]) < entry[:, None] - 1] = 0
    treated = rng.random(visitors) < 0.5
    if window is None:
        return OpenEnded(entry, treated, daily)
    since = np.arange(daily.shape[1]) - (entry[:, None] - 1)
    orders = np.where(since < window, daily, 0).sum(axis=1)
    first = daily[np.arange(visitors), entry - 1] > 0
    cell = (treated.astype(int) * DAYS + entry - 1, 2 * DAYS)

    def summed(values: np.ndarray) -> Counts:
        total = np.bincount(cell[0], values.astype(float), cell[1])
        return total.reshape(2, DAYS).astype(np.int64)

    buyers = orders > 0
    return ByEntryDay.of(
        summed(np.ones(visitors)),
        {"buyers": summed(buyers), "orders": summed(orders)},
        {
            ("buyers", "buyers"): summed(buyers),
            ("buyers", "orders"): summed(orders),
            ("orders", "orders"): summed(orders**2),
        },
        window_days=window,
        buyers_in_a_day=summed(first),
    )


def late_buyers(lag: tuple[float, float], rng: np.random.Generator) -> ByEntryDay:
    """Half of the 6 % who buy do so days later: an exponential lag of this mean in each arm."""
    units = np.full((2, DAYS), 500)
    within = np.array([0.5 + 0.5 * (1 - np.exp(-WINDOW / days)) for days in lag])[:, None]
    a_day = np.array([0.5 + 0.5 * (1 - np.exp(-1 / days)) for days in lag])[:, None] / within
    buyers = rng.binomial(units, 0.06 * within)
    return ByEntryDay.of(
        units,
        {"buyers": buyers},
        {("buyers", "buyers"): buyers},
        window_days=WINDOW,
        buyers_in_a_day=rng.binomial(buyers, a_day),
    )


def windows(_: Path) -> str:
    """Buyers who come back days later, and visitors who order for weeks."""
    runs = 300
    conversion = Setup.of(CONVERSION, window_days=WINDOW)
    scenes: list[tuple[str, Setup, Draw, bool]] = [
        (
            "late buyers, no effect, 3 days",
            conversion,
            partial(late_buyers, (4.0, 4.0)),
            True,
        ),
        (
            "the treatment hurries late buyers, 3 days",
            conversion,
            partial(late_buyers, (4.0, 1.0)),
            False,
        ),
    ]
    for window in (WINDOW, 7, None):
        setup = Setup.of(ORDERS, n_max=1_500, window_days=window or 0)
        label = f"loyal visitors, no effect, {'no window' if window is None else f'{window} days'}"
        scenes.append((label, setup, partial(loyal, window), window is not None))
    rows: list[Sequence[object]] = []
    for label, setup, draw, is_promised in scenes:
        ended = verdicts(setup, draw, runs, 20294)
        for kind, what in (("ship", "shipped"), ("stop_harm", "stopped for harm")):
            share = of_kind(ended, kind)
            promise = share.against(0.025) if is_promised else (str(share), "–", "–")
            rows.append((label, what, *promise))
    return (
        f"{runs} campaigns a row. Half of the *late buyers* (6 % of visitors) buy after a lag of "
        "four days on average: almost half of those beyond a window of three days. *Loyal "
        "visitors* order 0.1 times a day for weeks, and two thirds of them enter on the first "
        "day.\n\n"
        + table(("campaign", "verdict", *AGAINST), rows)
        + "\n**Where this does not hold.** Without a window the level is not promised: the same "
        "visitors count again at each look, and the looks of a burst of them are not those of a "
        "growing sample. And a window measures what happens within it: a treatment that only "
        "hurries buyers who would have come on the tenth day ships, for it sells more in three "
        "days. Choose `window_days` longer than a customer thinks.\n"
    )


def never_taken_back(_: Path) -> str:
    """Campaigns that are read at the end of every day: decisions that were ever said otherwise."""
    rows: list[Sequence[object]] = []
    runs = 50
    for how in ("weekly", "daily"):
        for lift in (-0.3, 0.0, 0.19, 1.5):
            setup = Setup.of(CONVERSION, window_days=WINDOW, decide=how)
            shop = Shop.steady(0.03, lift, a_day=500, window_days=WINDOW)
            decided, changed = reversals(setup, shop.conversions, runs, 20295)
            rows.append(
                (
                    how,
                    f"{lift:+.0%}",
                    runs,
                    decided,
                    changed,
                    "0",
                    "yes" if not changed else "**no**",
                )
            )
    return (
        "Each campaign is read at the end of every day, as if on that day. A decision is taken "
        "back when a later verdict differs in its kind, cause, variant, day or sentence.\n\n"
        + table(
            ("decide", "true lift", "campaigns", "decided", "taken back", "promised", "holds"), rows
        )
        + "\nThe same through a server, with orders that come in late, is below.\n"
    )


def reversals(setup: Setup, draw: Draw, runs: int, seed: int) -> tuple[int, int]:
    """Campaigns that decided, and those of them whose decision was ever said otherwise."""
    rng = np.random.default_rng(seed)
    decided = changed = 0
    for _ in range(runs):
        log = look_log(setup, draw(rng))
        read = [decide(setup.plan, log.until(looks)) for looks in range(1, len(log.looks) + 1)]
        first = next((i for i, v in enumerate(read) if v.decided_day is not None), None)
        if first is None:
            continue
        decided += 1
        said = {(v.kind, v.cause, v.variant, v.decided_day, v.headline) for v in read[first:]}
        changed += len(said) > 1
    return decided, changed


SECTIONS: Final[dict[str, Callable[[Path], str]]] = {
    "Several treatments and metrics": many_questions,
    "Skewed tickets, uneven splits": uneven_splits,
    "Windows and late buyers": windows,
    "Decisions are not taken back": never_taken_back,
}
