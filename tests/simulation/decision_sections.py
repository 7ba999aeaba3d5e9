"""Sections on the decision: is what is printed true, and how often is the rule wrong?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from fairlift_stats.sequential.plan import Decide, SequentialPlan
from fairlift_stats.verdict import Verdict

from tests.simulation.decisions import (
    CONVERSION,
    Shop,
    guardrail_verdicts,
    lift_coverage,
    outcomes,
    reversals,
    share,
    two_arms,
)
from tests.simulation.tables import share_bounds, table

# +8 % on weekends and -3.2 % on weekdays: nothing over a whole week.
WEEKDAYS: Final = (-0.032,) * 5 + (0.08,) * 2


def printed_lifts(_: Path) -> str:
    """The lift as printed, over 14 daily looks of conversion (3 %, HSD(-4)); 95 % is promised.

    At every look: all intervals hold the true lift at once. At the stop: the stage-wise interval.
    """
    rows: list[Sequence[object]] = []
    runs = 4_000
    for lift, units in ((-0.3, 10_000), (0.0, 10_000), (0.1, 10_000), (0.5, 10_000), (1.0, 4_000)):
        found = lift_coverage(lift, runs, np.random.default_rng(20281), units=units)
        rows.append(
            (
                f"{lift:+.0%}",
                units,
                f"{found.every_look:.4f} ({share_bounds(found.every_look, runs)})",
                f"{found.at_stop:.4f} ({share_bounds(found.at_stop, runs)})",
                found.below,
            )
        )
    head = (
        "true lift",
        "visitors an arm",
        "at every look (99 % bounds)",
        "at the stop",
        "median below",
    )
    return table(head, rows)


def guardrails(_: Path) -> str:
    """A clear winner whose guardrails are worse by a share of their margin, over four weekly looks.

    The margin is 3.29 standard errors at the end. Shipping at the margin is the 5 % that is spent.
    """
    rows: list[Sequence[object]] = []
    runs = 4_000
    for what, harms in (
        ("at the margin", ((1.0,),)),
        ("at twice the margin", ((2.0,),)),
        ("no difference", ((0.0,),)),
        ("half the margin", ((0.5,),)),
        ("two guardrails at their margins", ((1.0, 1.0),)),
        ("two treatments, each at the margin", ((1.0,), (1.0,))),
    ):
        found = guardrail_verdicts(harms, runs, np.random.default_rng(20282))
        ship, harm = share(found, "ship"), share(found, "stop_harm")
        rows.append((what, f"{ship:.4f} ({share_bounds(ship, runs)})", harm))
    return table(("true loss", "shipped (99 % bounds)", "stopped for harm"), rows)


def weekdays(_: Path) -> str:
    """A treatment with +8 % on weekends and -3.2 % on weekdays, 800,000 visitors: no effect in all.

    And what whole weeks cost: power at the planned effect, and days to a decision.
    """
    rows: list[Sequence[object]] = []
    runs = 2_000
    decide: Decide
    for decide in ("weekly", "daily"):
        plan = two_arms(n_max=800_000, window_days=3, decide=decide)
        none = outcomes(plan, Shop(0.03, (WEEKDAYS,), 14_286), runs, np.random.default_rng(20283))
        planned = two_arms(window_days=3, decide=decide)
        effect = outcomes(
            planned, Shop.steady(0.03, _PLANNED_LIFT, a_day=500), runs, np.random.default_rng(20284)
        )
        wrong = share(none, "ship")
        rows.append(
            (
                decide,
                f"{wrong:.4f} ({share_bounds(wrong, runs)})",
                share(none, "stop_harm"),
                share(effect, "ship"),
                _mean_day(effect),
            )
        )
    head = ("decisions", "false ships (99 % bounds)", "false alarms", "power", "mean day of a ship")
    return table(head, rows)


# The lift that 14,000 visitors an arm at 3 % find with 80 % power, by two proportions.
_PLANNED_LIFT: Final = 0.19


def _mean_day(verdicts: Sequence[Verdict]) -> float:
    days = [v.decided_day for v in verdicts if v.kind == "ship" and v.decided_day is not None]
    return float(np.mean(days))


def alarms(_: Path) -> str:
    """Mean days until harm stops a campaign, at a loss of one, two and five planned effects."""
    rows: list[Sequence[object]] = []
    runs = 1_000
    plan = two_arms(window_days=3)
    for times in (0, 1, 2, 5):
        lift = max(-1.0, -times * _PLANNED_LIFT)
        found = outcomes(
            plan, Shop.steady(0.03, lift, a_day=500), runs, np.random.default_rng(20285)
        )
        stopped = [v.decided_day for v in found if v.kind == "stop_harm"]
        days = [float(day) for day in stopped if day is not None]
        rows.append((f"{lift:+.0%}", share(found, "stop_harm"), float(np.mean(days))))
    return table(("true lift", "stopped for harm", "mean day"), rows)


def never_taken_back(_: Path) -> str:
    """Campaigns that are read at the end of every day: decisions that were ever said otherwise."""
    rows: list[Sequence[object]] = []
    rng = np.random.default_rng(20286)
    runs = 300
    for lift in (0.0, _PLANNED_LIFT, 1.5):
        plan = two_arms(window_days=3)
        changed = reversals(plan, Shop.steady(0.03, lift, a_day=500), runs, rng)
        rows.append((f"{lift:+.0%}", f"{changed} of {runs}"))
    return table(("true lift", "decisions taken back"), rows)


def many_treatments(_: Path) -> str:
    """False ships and false alarms over all treatments of a campaign in which nothing differs."""
    rows: list[Sequence[object]] = []
    runs = 2_000
    for arms in (1, 2, 4):
        names = ("control", *(f"arm_{i}" for i in range(arms)))
        plan = SequentialPlan(names, (CONVERSION,), 14_000 * len(names), maximum_days=28)
        shop = Shop.steady(0.03, *(0.0,) * arms, a_day=500)
        found = outcomes(plan, shop, runs, np.random.default_rng(20287))
        ship = share(found, "ship")
        rows.append((arms, f"{ship:.4f} ({share_bounds(ship, runs)})", share(found, "stop_harm")))
    return table(("treatments", "false ships (99 % bounds)", "all stopped for harm"), rows)


SECTIONS: Final = {
    "Lifts as printed": printed_lifts,
    "Guardrails": guardrails,
    "Whole weeks": weekdays,
    "Alarms": alarms,
    "Decisions are not taken back": never_taken_back,
    "False ships over several treatments": many_treatments,
}
