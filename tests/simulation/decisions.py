"""Campaigns that are simulated look by look and decided by the product's own rule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from fairlift_stats.methods import score
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.calendar import last_day
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide
from fairlift_stats.verdict.facts import estimate_between
from fairlift_stats.verdict.standings import lines_of
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

START: Final = date(2026, 11, 2)
CONVERSION: Final = SequentialMetric("conversion_rate")
# The planned effect as a drift: E[Z] at the end under 80 % power of a fixed test.
PLANNED_DRIFT: Final = float(-ndtri(0.025) + ndtri(0.8))


def two_arms(**changes: object) -> SequentialPlan:
    """Conversion decides, 28 days of entry, 28,000 visitors."""
    fields = {"n_max": 28_000, "maximum_days": 28, **changes}
    return SequentialPlan(("control", "coupon"), (CONVERSION,), **fields)  # type: ignore[arg-type]  # any field may change


def conversion_evidence(
    arm: str, control: tuple[int, int], treatment: tuple[int, int], units: int
) -> Evidence | None:
    """The score test's evidence of two arms' buyers and units, as the report gives it."""
    (xc, nc), (xt, nt) = control, treatment
    if not (nc and nt and 0 < xc + xt < nc + nt):
        return None
    pc, pt = xc / nc, xt / nt
    contrast = Contrast(
        pc, pt, pc * (1 - pc) / nc, pt * (1 - pt) / nt, rates=TwoRates(xt, nt, xc, nc)
    )
    arrays = (np.array([float(x)]) for x in (xt, nt, xc, nc))
    z = float(score.pooled_z(*arrays)[0])
    return Evidence("conversion_rate", arm, z, contrast, units, (xc, xt))


def conversion_log(plan: SequentialPlan, bought: Counts, entered: Counts) -> LookLog:
    """A look at the end of every day until the campaign closes.

    Args:
        plan: with conversion as its metric.
        bought: (arms, days) buyers among those who entered on each day, within the window.
        entered: (arms, days) units that entered on each day.
    """
    buyers, units = bought.cumsum(axis=1), entered.cumsum(axis=1)
    log, end = LookLog.begin(plan), last_day(plan) or bought.shape[1]
    for day in range(1, end + 1):
        mature, a_day_ago = day - plan.window_days, day - 1
        seen = [_until(buyers, units, arm, mature) for arm in range(len(plan.arms))]
        alarm = [_until(buyers, units, arm, a_day_ago) for arm in range(len(plan.arms))]
        total = sum(n for _, n in seen)
        counts = tuple(
            ArmCount(arm, n, x, x, _until(buyers, units, i, day)[1], alarm[i][1], alarm[i][0])
            for i, (arm, (x, n)) in enumerate(zip(plan.arms, seen, strict=True))
        )
        found = (
            conversion_evidence(arm, seen[0], seen[i], total)
            for i, arm in enumerate(plan.treatments, start=1)
        )
        evidence = tuple(e for e in found if e is not None)
        at = (START + timedelta(days=day - 1)).isoformat()
        log = log.add(plan, Look(at, day, counts, evidence))
        if log.is_closed:
            break
    return log


def _until(buyers: Counts, units: Counts, arm: int, day: int) -> tuple[int, int]:
    """Buyers and units of one arm who entered by the end of this day."""
    if day < 1:
        return 0, 0
    last = min(day, units.shape[1]) - 1
    return int(buyers[arm, last]), int(units[arm, last])


@dataclass(frozen=True, slots=True)
class Shop:
    """Conversion by day of entry, steady or with a rhythm of the week.

    Attributes:
        rate: of the control.
        lifts: of each treatment, by weekday, Monday first.
        a_day: units that enter an arm each day.
        days: of entry.
    """

    rate: float
    lifts: tuple[tuple[float, ...], ...]
    a_day: int
    days: int = 28

    @classmethod
    def steady(cls, rate: float, *lifts: float, a_day: int, days: int = 28) -> "Shop":
        """The same lift on every day."""
        return cls(rate, tuple((lift,) * 7 for lift in lifts), a_day, days)

    def visited(self, rng: np.random.Generator) -> tuple[Counts, Counts]:
        """(arms, days) buyers and units of one campaign."""
        weekday = np.arange(self.days) % 7
        lifts = np.array([(0.0,) * 7, *self.lifts])[:, weekday]
        entered = np.full(lifts.shape, self.a_day)
        return rng.binomial(entered, self.rate * (1 + lifts)), entered


def outcomes(
    plan: SequentialPlan, shop: Shop, runs: int, rng: np.random.Generator
) -> list[Verdict]:
    """The verdicts of so many campaigns, each read once, when it is over."""
    return [decide(plan, conversion_log(plan, *shop.visited(rng))) for _ in range(runs)]


def share(verdicts: Sequence[Verdict], kind: str) -> float:
    """How many of them are of this kind."""
    return sum(verdict.kind == kind for verdict in verdicts) / len(verdicts)


@dataclass(frozen=True, slots=True)
class LiftCoverage:
    """How often the printed lifts hold the truth.

    Attributes:
        every_look: at all looks at once, by the interval of each.
        at_stop: by the interval at the stop.
        below: share of median-unbiased lifts that lie below the truth.
    """

    every_look: float
    at_stop: float
    below: float


def lift_coverage(
    lift: float,
    runs: int,
    rng: np.random.Generator,
    *,
    rate: float = 0.03,
    units: int = 10_000,
    looks: int = 14,
) -> LiftCoverage:
    """Lifts as printed, over `looks` equal daily looks of conversion, HSD(-4), 95 %."""
    plan = two_arms(
        n_max=2 * units, maximum_days=looks, decide="daily", minimum_days=1, futility=None
    )
    shop = Shop.steady(rate, lift, a_day=units // looks, days=looks)
    every = stop = below = 0
    for _ in range(runs):
        log = conversion_log(plan, *shop.visited(rng))
        every += _holds_at_every_look(plan, log, lift)
        verdict = decide(plan, log)
        found = verdict.facts.arms[0].corrected
        if found is None or found.lift is None or found.lift_interval is None:
            continue
        stop += found.lift_interval.low <= lift <= found.lift_interval.high
        below += found.lift < lift
    return LiftCoverage(every / runs, stop / runs, below / runs)


def _holds_at_every_look(plan: SequentialPlan, log: LookLog, lift: float) -> bool:
    """True when the interval of each judged look holds the lift."""
    lines = lines_of(plan, log, "conversion_rate", "coupon")
    for look, line in zip(log.looks, lines, strict=True):
        evidence = look.of("conversion_rate", "coupon")
        if evidence is None or line.success is None:
            continue
        ks = (0.0, line.success, -line.success)
        found = estimate_between(evidence.contrast, ks, at=look.at, largest_k=line.success)
        interval = found.lift_interval
        if interval is not None and not interval.low <= lift <= interval.high:
            return False
    return True


def guardrail_verdicts(
    harms: Sequence[Sequence[float]],
    runs: int,
    rng: np.random.Generator,
    *,
    margin_in_errors: float = 3.29,
    primary_drift: float = 12.0,
) -> list[Verdict]:
    """Verdicts of a clear winner whose guardrails are worse by so many margins.

    Args:
        harms: by treatment, the true loss of each guardrail in margins: 1 is exactly the margin.
        runs: campaigns.
        rng: source of chance.
        margin_in_errors: the margin over the standard error of the difference at the end.
        primary_drift: E[Z] of the primary metric at the end, for every treatment.
    """
    margin = 0.1
    rails = tuple(
        SequentialMetric(f"rail_{i}", role="guardrail", needs="nothing", margin=margin)
        for i in range(len(harms[0]))
    )
    primary = SequentialMetric("conversion_rate", needs="nothing")
    arms = ("control", *(f"arm_{i}" for i in range(len(harms))))
    plan = SequentialPlan(arms, (primary, *rails), 28_000, maximum_days=28)
    times = np.arange(1, 5) / 4
    # The control's true figure is 1, so the margin is .1 in the metric's own unit.
    se_end = margin / margin_in_errors
    verdicts = []
    for _ in range(runs):
        log = LookLog.begin(plan)
        walks = rng.standard_normal((len(arms), 1 + len(rails), 4)) * math.sqrt(0.25 / 2)
        walks = walks.cumsum(axis=2)
        for look, time in enumerate(times):
            evidence = []
            for i, arm in enumerate(plan.treatments, start=1):
                for j, metric in enumerate((primary, *rails)):
                    harm = 0.0 if j == 0 else harms[i - 1][j - 1]
                    drift = primary_drift * se_end if j == 0 else -harm * margin
                    half = se_end**2 / time / 2
                    # Each arm has its own noise: a relative margin is a share of the control's.
                    control = 1.0 + walks[0, j, look] / time * se_end
                    treatment = 1.0 + drift + walks[i, j, look] / time * se_end
                    contrast = Contrast(control, treatment, half, half)
                    z = (treatment - control) / contrast.se
                    evidence.append(Evidence(metric.name, arm, z, contrast, 7_000 * (look + 1)))
            day = 7 * (look + 1)
            n = 7_000 * (look + 1) // len(arms)
            counts = tuple(ArmCount(arm, n) for arm in arms)
            at = (START + timedelta(days=day - 1)).isoformat()
            log = log.add(plan, Look(at, day, counts, tuple(evidence)))
        verdicts.append(decide(plan, log))
    return verdicts


def reversals(plan: SequentialPlan, shop: Shop, runs: int, rng: np.random.Generator) -> int:
    """Campaigns, read after every look, whose decision once made was ever said otherwise."""
    changed = 0
    for _ in range(runs):
        log = conversion_log(plan, *shop.visited(rng))
        read = [decide(plan, log.until(looks)) for looks in range(1, len(log.looks) + 1)]
        final = [v for v in read if v.decided_day is not None]
        changed += len({(v.kind, v.cause, v.variant, v.decided_day, v.headline) for v in final}) > 1
    return changed
