"""What the rule costs: weekly decisions against daily ones, power, days, and alarms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.plan import Decide
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.ruling import FINAL, Ruling, course_of, rulings

from tests.simulation.campaigns import CONVERSION, Setup, look_log
from tests.simulation.independent import crossing, drift_of_rates, upper_lines
from tests.simulation.plots import plot
from tests.simulation.shops import ByEntryDay, Shop
from tests.simulation.tables import AGAINST, Share, table

RATE: Final = 0.03
PLANNED_LIFT: Final = 0.10
WINDOW: Final = 3
DAYS: Final = 28
DECIDES: Final[tuple[Decide, ...]] = ("weekly", "daily")
# +8 % on weekends and -3.2 % on weekdays: nothing over a whole week.
WEEKDAYS: Final = (-0.032,) * 5 + (0.08,) * 2
Draw = Callable[[np.random.Generator], ByEntryDay]


@dataclass(frozen=True, slots=True)
class CampaignEnd:
    """What became of one campaign.

    Attributes:
        kind: of its final verdict; "none" where advice or trust left it undecided.
        day: of the look that decided, or of the last.
        advised: the day on which it was advised to stop, before any decision; None if it was not.
    """

    kind: str
    day: int
    advised: int | None

    @property
    def obedient_day(self) -> int:
        """The day on which it ends if the advice is followed."""
        return self.day if self.advised is None else self.advised


def course(setup: Setup, history: ByEntryDay) -> CampaignEnd:
    """A campaign that is read every day: what was said first, and what in the end."""
    log = look_log(setup, history)
    verdict = decide(setup.plan, log)
    said: list[Ruling] = []
    for ruling in rulings(course_of(setup.plan, log)):
        said.append(ruling)
        if ruling.kind in FINAL:
            break
    advised = next((log.looks[r.look].day for r in said if r.kind == "stop_futile"), None)
    day = log.looks[said[-1].look].day
    kind = verdict.kind if verdict.kind in FINAL else "none"
    assert verdict.decided_day in (None, day), "the verdict's day is that of its ruling"
    return CampaignEnd(kind, day, advised)


def courses(setup: Setup, draw: Draw, runs: int, seed: int) -> list[CampaignEnd]:
    """So many campaigns."""
    rng = np.random.default_rng(seed)
    return [course(setup, draw(rng)) for _ in range(runs)]


def shop(lift: float, a_day: int) -> Shop:
    """Two arms with the same lift on every day."""
    return Shop.steady(RATE, lift, a_day=a_day, window_days=WINDOW, days=DAYS)


@cache
def planned_a_day() -> int:
    """Units of an arm on a day for which the plan promises its power at the planned effect."""
    drift = with_drift(Setup.of(CONVERSION, window_days=WINDOW).plan).drift
    assert drift is not None, "a group sequential plan has a drift"
    units = (drift / drift_of_rates(RATE, RATE * (1 + PLANNED_LIFT), 1.0)) ** 2
    return int(np.ceil(units / DAYS))


def planned_setup(how: Decide) -> Setup:
    """The plan of the planned effect."""
    return Setup.of(CONVERSION, n_max=2 * DAYS * planned_a_day(), window_days=WINDOW, decide=how)


@cache
def power_without_advice() -> float:
    """Chance to ship at the planned effect when its advice is not followed, weekly: independent."""
    times = (0.25, 0.5, 0.75, 1.0)
    drift = drift_of_rates(RATE, RATE * (1 + PLANNED_LIFT), DAYS * planned_a_day())
    return crossing(upper_lines(0.025, times), times, drift)


def weekdays(_: Path) -> str:
    """A treatment whose effect changes with the weekday, and is nothing over a whole week."""
    runs = 300
    rows: list[Sequence[object]] = []
    for traffic, a_day in (("as planned", 14_286), ("half as fast again", 21_429)):
        for sign, where in ((1, "better on weekends"), (-1, "worse on weekends")):
            effect = tuple(sign * lift for lift in WEEKDAYS)
            scene = Shop(RATE, (effect,), (a_day, a_day), window_days=WINDOW)
            for how in DECIDES:
                setup = Setup.of(CONVERSION, n_max=800_000, window_days=WINDOW, decide=how)
                ended = courses(setup, scene.conversions, runs, 20287)
                for kind, label in (("ship", "shipped"), ("stop_harm", "stopped for harm")):
                    share = Share.of(c.kind == kind for c in ended)
                    promise = share.against(0.025) if how == "weekly" else (str(share), "–", "–")
                    rows.append((traffic, where, how, label, *promise))
    return (
        f"Conversion of 3 %, 800,000 planned visitors, {runs} campaigns a row: the treatment "
        "changes conversion by 8 % on weekends and by 3.2 % the other way on weekdays, so that "
        "there is no effect over a week. `decide: weekly` promises 2.5 % a side; `decide: daily` "
        "does not: it judges looks in which weekdays are not balanced, and a shop that chooses it "
        "says that weekdays do not matter.\n\n"
        + table(("traffic", "treatment", "decide", "verdict", *AGAINST), rows)
        + "\nThe part of the harm error that is spent daily, 4 % of it, does not wait for whole "
        "weeks: weekday effects can raise it a little above its share.\n"
    )


def costs(folder: Path) -> str:
    """Power, days and visitors at the planned effect, with weekly and with daily decisions."""
    runs = 500
    rows: list[Sequence[object]] = []
    by_how = {}
    for how in DECIDES:
        ended = courses(
            planned_setup(how), shop(PLANNED_LIFT, planned_a_day()).conversions, runs, 20288
        )
        none = courses(planned_setup(how), shop(0.0, planned_a_day()).conversions, runs // 2, 20289)
        by_how[how] = ended, none
        shipped = Share.of(c.kind == "ship" for c in ended)
        obedient = Share.of(c.kind == "ship" and c.advised is None for c in ended)
        expected = power_without_advice()
        power = shipped.against(expected, "about") if how == "weekly" else (str(shipped), "–", "–")
        followed = obedient.against(0.8, "about") if how == "weekly" else (str(obedient), "–", "–")
        rows += [
            (how, "planned effect: shipped, advice is not followed", *power),
            (how, "planned effect: shipped, advice is followed", *followed),
            (how, "no effect: shipped", *Share.of(c.kind == "ship" for c in none).against(0.025)),
            (how, "no effect: harm", *Share.of(c.kind == "stop_harm" for c in none).against(0.025)),
        ]
    _plot_days(folder / "days-to-a-decision.svg", {how: pair[0] for how, pair in by_how.items()})
    expected = power_without_advice()
    return (
        f"Conversion of 3 %, planned lift +{PLANNED_LIFT:.0%}, {planned_a_day():,} visitors an arm "
        f"and day for {DAYS} days, a window of {WINDOW} days. The size is the one for which the "
        "plan of the product promises 80 % when its advice to give up is followed, with weekly "
        "decisions; the daily plan has the same size. Without advice SciPy's multivariate normal "
        f"expects {expected:.4f}. {runs} campaigns with the effect and {runs // 2} without, each "
        "way.\n\n"
        + table(("decide", "", *AGAINST), rows)
        + "\n"
        + table(
            ("decide", "effect", "mean day of a ship", "mean day of the end", "visitors used"),
            _days(by_how),
        )
        + "\nThe end is a decision, the advice to give up where it is followed, or day 31. "
        "Visitors are those who entered by then, as a share of the plan.\n\n"
        "![Campaigns that have shipped by each day](calibration/days-to-a-decision.svg)\n"
    )


def _days(
    by_how: dict[Decide, tuple[list[CampaignEnd], list[CampaignEnd]]],
) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = []
    for how, pair in by_how.items():
        for label, ended in zip(("as planned", "none"), pair, strict=True):
            shipped = [c.day for c in ended if c.kind == "ship"]
            ends = np.array([c.obedient_day for c in ended])
            used = np.minimum(ends, DAYS) / DAYS
            rows.append((how, label, mean_text(shipped), mean_text(ends), f"{used.mean():.0%}"))
    return rows


def mean_text(values: Sequence[float] | np.ndarray) -> str:
    """A mean with its standard error."""
    array = np.asarray(values, dtype=float)
    if array.size < 2:
        return "–"
    return f"{array.mean():.1f} ± {array.std(ddof=1) / np.sqrt(array.size):.1f}"


def _plot_days(path: Path, ended: dict[Decide, list[CampaignEnd]]) -> None:
    days = np.arange(1, DAYS + WINDOW + 1)
    with plot(path) as axes:
        for how, campaigns in ended.items():
            shipped = np.array([c.day if c.kind == "ship" else np.inf for c in campaigns])
            axes.step(days, [(shipped <= day).mean() for day in days], where="post", label=how)
        axes.axhline(power_without_advice(), color="0.7", linewidth=1)
        axes.set(xlabel="campaign day", ylabel="shipped, planned effect", ylim=(0, 1))
        axes.legend(frameon=False, title="decide")


def alarms(folder: Path) -> str:
    """Days until harm stops a campaign, at a loss of one, two and five planned effects."""
    runs = 150
    rows: list[Sequence[object]] = []
    stops: dict[tuple[Decide, int], list[float]] = {}
    for how in DECIDES:
        for times in (1, 2, 5):
            scene = shop(-times * PLANNED_LIFT, planned_a_day())
            ended = courses(planned_setup(how), scene.conversions, runs, 20290)
            days = [float(c.day) for c in ended if c.kind == "stop_harm"]
            stops[how, times] = days
            censored = [c.day if c.kind == "stop_harm" else DAYS + WINDOW for c in ended]
            share = Share.of(c.kind == "stop_harm" for c in ended)
            rows.append(
                (
                    how,
                    f"{-times * PLANNED_LIFT:+.0%}",
                    str(share),
                    mean_text(days),
                    mean_text(censored),
                )
            )
    dead = [dead_checkout(how, runs // 3, 20291) for how in DECIDES]
    _plot_alarms(folder / "alarms.svg", stops, runs)
    dead_rows = [
        (how, f"{np.mean(np.isfinite(days)):.0%}", mean_text(days), f"{max(days):.0f}")
        for how, days in zip(DECIDES, dead, strict=True)
    ]
    return (
        f"The plan above ({planned_a_day():,} visitors an arm and day), {runs} campaigns a row. "
        "The last column counts campaigns without an alarm at day 31. With weekly decisions 96 % "
        "of the harm error waits for whole weeks of entry, as success does; the rest, and the "
        "alarm on conversion within a day, watch every day.\n\n"
        + table(
            (
                "decide",
                "true lift",
                "stopped for harm (99 % bounds)",
                "mean day of a stop",
                "mean day of the end",
            ),
            rows,
        )
        + "\nA dead checkout: no visitor buys in the treatment, 3 % in the control, 500 "
        f"visitors an arm and day, {runs // 3} campaigns:\n\n"
        + table(("decide", "stopped for harm", "mean day", "last day"), dead_rows)
        + "\n![Share of campaigns that are stopped for harm by each day](calibration/alarms.svg)\n"
    )


def dead_checkout(how: Decide, runs: int, seed: int) -> list[float]:
    """The days on which campaigns stop whose treatment sells nothing; infinite for none."""
    setup = Setup.of(CONVERSION, window_days=WINDOW, decide=how)
    scene = Shop.steady(RATE, -1.0, a_day=500, window_days=WINDOW)
    ended = courses(setup, scene.conversions, runs, seed)
    return [float(c.day) if c.kind == "stop_harm" else np.inf for c in ended]


def _plot_alarms(path: Path, stops: dict[tuple[Decide, int], list[float]], runs: int) -> None:
    days = np.arange(1, DAYS + WINDOW + 1)
    with plot(path) as axes:
        for (how, times), stopped in stops.items():
            by_day = [np.sum(np.array(stopped) <= day) / runs for day in days]
            style = "-" if how == "weekly" else ":"
            label = f"{-times * PLANNED_LIFT:+.0%}, {how}"
            axes.step(
                days, by_day, style, where="post", label=label, color=f"C{(1, 2, 5).index(times)}"
            )
        axes.set(xlabel="campaign day", ylabel="stopped for harm", ylim=(0, 1.02))
        axes.legend(frameon=False)


SECTIONS: Final[dict[str, Callable[[Path], str]]] = {
    "Whole weeks": weekdays,
    "What the rule costs": costs,
    "Alarms": alarms,
}
