"""Is the lift that is printed true as often as it says?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from fairlift_stats.data.metrics import Mean, Metric, Ratio
from fairlift_stats.effects import Interval
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.arm_facts import arm_standing
from fairlift_stats.verdict.standings import standings_of

from tests.simulation.campaigns import CONVERSION, Setup, look_log
from tests.simulation.plots import plot
from tests.simulation.shops import ByEntryDay, Shop
from tests.simulation.tables import AGAINST, Share, table

REVENUE: Final = Mean("revenue_per_visitor", "revenue", buyers="buyers")
TICKET: Final = Ratio("average_ticket", "revenue", "orders", buyers="buyers")
LIFTS: Final = (-0.3, 0.0, 0.1, 0.5, 1.0)
RUNS: Final = 400
MONEY_RUNS: Final = 250
LOOKS: Final = 14


@dataclass(frozen=True, slots=True)
class Printed:
    """How often the printed lifts of one campaign hold the truth, over many runs.

    Attributes:
        every_look: at all looks at once, each by its own interval.
        at_stop: by the interval at the stop, where a lift is printed.
        below: median-unbiased lifts that lie below the truth.
        without: runs that stop without a printed lift.
    """

    every_look: Share
    at_stop: Share
    below: Share
    without: int


def printed(
    setup: Setup,
    draw: Callable[[np.random.Generator], ByEntryDay],
    lift: float,
    runs: int,
    rng: np.random.Generator,
) -> Printed:
    """What the verdict of each campaign prints, against the true lift."""
    every: list[bool] = []
    stop: list[bool] = []
    below: list[bool] = []
    for _ in range(runs):
        log = look_log(setup, draw(rng))
        every.append(all(_holds(i, lift) for i in _at_each_look(setup.plan, log)))
        corrected = decide(setup.plan, log).facts.arms[0].corrected
        if corrected is None or corrected.lift is None:
            continue
        stop.append(_holds(corrected.lift_interval, lift))
        below.append(corrected.lift < lift)
    return Printed(Share.of(every), Share.of(stop), Share.of(below), runs - len(stop))


def _at_each_look(plan: SequentialPlan, log: LookLog) -> list[Interval | None]:
    """The interval that the verdict shows at each look, beyond a decision too."""
    (metric,) = plan.primaries
    standings = standings_of(plan, log, metric, plan.treatments[0])
    shown = (
        arm_standing(plan, metric, plan.treatments[0], standings[:looks]).raw
        for looks in range(1, len(standings) + 1)
    )
    return [None if raw is None else raw.lift_interval for raw in shown]


def _holds(interval: Interval | None, lift: float) -> bool:
    """No interval says nothing false; a limit that is infinite is none."""
    return interval is None or interval.low <= lift <= interval.high


def judged_daily(metric: Metric, units: int) -> Setup:
    """Fourteen daily looks that all judge, up to so many units an arm; no advice to give up."""
    return Setup.of(
        metric,
        n_max=2 * units,
        maximum_days=LOOKS,
        decide="daily",
        minimum_days=1,
        futility=None,
    )


def conversion(runs: int, seed: int) -> dict[float, Printed]:
    """By true lift: conversion of 3 %."""
    measured = {}
    for lift in LIFTS:
        units = _units(lift)
        shop = Shop.steady(0.03, lift, a_day=units // LOOKS, days=LOOKS)
        measured[lift] = printed(
            judged_daily(CONVERSION, units),
            shop.conversions,
            lift,
            runs,
            np.random.default_rng(seed),
        )
    return measured


def money(metric: Metric, runs: int, seed: int) -> dict[float, Printed]:
    """By true lift: skewed tickets (lognormal, sigma 1), a fifth of an order again."""
    measured = {}
    for row, lift in enumerate(LIFTS):
        units = _units(lift)
        more, dearer = (0.0, lift) if metric == TICKET else (lift, 0.0)
        shop = Shop.steady(0.03, more, a_day=units // LOOKS, days=LOOKS, ticket_lifts=(dearer,))
        measured[lift] = printed(
            judged_daily(metric, units),
            shop.orders,
            lift,
            runs,
            # A seed for each row: lifts of the ticket would share every draw.
            np.random.default_rng((seed, row)),
        )
    return measured


def _units(lift: float) -> int:
    return 4_000 if lift >= 1 else 10_000


def of_conversion(folder: Path) -> str:
    """The lift of conversion as the verdict prints it."""
    measured = conversion(RUNS, 20281)
    _plot(folder / "printed-conversion.svg", measured)
    return (
        f"{RUNS:,} campaigns for each true lift: conversion of 3 %, 10,000 visitors in each arm "
        "(4,000 at +100 %), 14 daily looks that all judge, HSD(-4), 95 %. *Every look*: the "
        "intervals of all looks hold the true lift at once, read on after a decision too. *At the "
        "stop*: the interval of the verdict, corrected for having been free to stop; the plan has "
        "no advice to give up, so that every campaign has a stop. *Median*: the printed lift lies "
        "below the truth half the time.\n\n"
        + _table(measured)
        + "\n![How often the printed lift of conversion holds]"
        "(calibration/printed-conversion.svg)\n"
    )


def of_money(folder: Path) -> str:
    """The lift of revenue per visitor and of the average ticket as the verdict prints it."""
    parts = []
    for metric, label in ((REVENUE, "Revenue per visitor"), (TICKET, "Average ticket")):
        measured = money(metric, MONEY_RUNS, 20282)
        _plot(folder / f"printed-{metric.name}.svg", measured)
        parts.append(
            f"{label}:\n\n{_table(measured)}\n![How often the printed lift of {metric.name} holds]"
            f"(calibration/printed-{metric.name}.svg)\n"
        )
    return (
        f"{MONEY_RUNS:,} campaigns for each true lift, as above with tickets: lognormal, sigma 1, "
        "and 0.2 further orders a buyer. The lift of revenue comes from more buyers, "
        "that of the ticket from dearer orders. Intervals of money rest on the normal "
        "approximation of a mean of skewed values, which the first hundred orders have not "
        "reached: a small shortfall belongs to it, not to the looks.\n\n" + "\n".join(parts)
    )


def _table(measured: dict[float, Printed]) -> str:
    rows: list[Sequence[object]] = []
    for lift, result in measured.items():
        for name, share, promised in (
            ("every look", result.every_look, (0.95, "at least")),
            ("at the stop", result.at_stop, (0.95, "at least")),
            ("median below", result.below, (0.5, "about")),
        ):
            rows.append((f"{lift:+.0%}", name, share.runs, *share.against(*promised)))  # type: ignore[arg-type]  # a side
    return table(("true lift", "", "runs", *AGAINST), rows)


def _plot(path: Path, measured: dict[float, Printed]) -> None:
    at = np.arange(len(measured))
    with plot(path) as axes:
        axes.axhline(0.95, color="0.6", linewidth=1)
        for shift, label, marker in ((-0.08, "every look", "o"), (0.08, "at the stop", "s")):
            shares = [
                r.every_look if label == "every look" else r.at_stop for r in measured.values()
            ]
            value = np.array([share.value for share in shares])
            low, high = np.array([share.bounds for share in shares]).T
            axes.errorbar(
                at + shift, value, (value - low, high - value), fmt=marker, capsize=3, label=label
            )
        axes.set_xticks(at, [f"{lift:+.0%}" for lift in measured])
        axes.set(xlabel="true lift", ylabel="holds the truth (99 % bounds)", ylim=(0.88, 1.0))
        axes.legend(frameon=False, loc="lower right")


SECTIONS: Final[dict[str, Callable[[Path], str]]] = {
    "Lifts as printed: conversion": of_conversion,
    "Lifts as printed: money": of_money,
}
