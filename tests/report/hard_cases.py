"""Reports that are hard to show: very many rows, hostile names, nothing yet, unusual money."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.value_pb2 import DIRECTION_HIGHER, QUANTITY_MONEY, QUANTITY_SHARE, Interval

from tests.cli.reports import report

HOSTILE = (
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "free\u202egpj.exe\u2066\u200f",
    "null\x00bell\x07tab\tline\nreturn\rdone\x1b[31m",
    "n" * 300,
    "👩‍💻🛒 sale",
    "</style></svg><img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp; ' \" `",
    "\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
)
_LEVEL = 0.95
_ROLES = (pb.METRIC_ROLE_PRIMARY, pb.METRIC_ROLE_GUARDRAIL, pb.METRIC_ROLE_SECONDARY)


@dataclass(frozen=True, slots=True)
class Said:
    """What a server says of one campaign."""

    report: pb.Report
    looks: list[pb.Look] = field(default_factory=list)
    campaign: Campaign | None = None


def hard_cases() -> dict[str, Said]:
    """The cases by name."""
    return {
        "very many": very_many(),
        "hostile names": hostile_names(),
        "nothing yet": Said(pb.Report(campaign="campaigns/new", display_name="New")),
        "no looks": no_looks(),
        "an empty variant": empty_variant(),
        "yen": in_currency("JPY", 1),
        "dinar": in_currency("KWD", 0.0037),
        "a trillion": in_currency("EUR", 1e12),
    }


def very_many() -> Said:
    """Twenty variants, fifty metrics, two hundred segments."""
    dice = random.Random(1)
    variants = [f"variant-{number}" for number in range(20)]
    made = pb.Report(campaign="campaigns/very-many", currency_code="EUR", plan_hash="cd" * 32)
    made.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    made.verdict.sentence = "Keep going."
    for number, variant in enumerate(variants):
        made.totals.add(variant=variant, display_name=f"Variant {number}", control=number == 0,
                        units=1_000, buyers=30, orders=31, revenue_micros=10**9)  # fmt: skip
        if number:
            made.decompositions.add(variant=variant, difference=0.2).factors.add(
                metric="conversion_rate", lift=0.1, contribution=0.2
            )
    names = ["conversion_rate", "average_ticket", "revenue_per_visitor"]
    names += [f"metric_{number}" for number in range(47)]
    for number, name in enumerate(names):
        role = _ROLES[0 if number < 3 else 1 + number % 2]
        _add_metric(made, name, role, variants, dice)
    for variant in variants[1:2]:
        cut = made.segments.add(attribute="city", metric="conversion_rate")
        for number in range(200):
            _add_segment(cut, f"City {number}", variant, dice)
    made.look.number, made.look.information, made.look.day = 28, 0.6, 28
    looks = [_look(day, names[:3], variants[1:], dice) for day in range(1, 29)]
    _add_days(made, variants, dice)
    return Said(made, looks)


def hostile_names() -> Said:
    """Every text that comes from outside is one that wants to break out."""
    made = report()
    texts = iter(HOSTILE * 20)
    made.display_name = next(texts)
    made.environment, made.time_zone, made.plan_hash = next(texts), "Europe/Madrid", HOSTILE[0]
    made.verdict.sentence, made.verdict.action = next(texts), next(texts)
    for reason in made.verdict.reasons:
        reason.sentence = next(texts)
    for totals in made.totals:
        totals.display_name = next(texts)
    for metric in made.metrics:
        metric.display_name = next(texts)
        for comparison in metric.comparisons:
            comparison.cannot_say = next(texts)
    for check in made.health.checks:
        check.sentence = next(texts)
        check.causes.add(sentence=next(texts))
    for cut in made.segments:
        cut.attribute = next(texts)
        for segment in cut.segments:
            segment.value, segment.sentence = next(texts), next(texts)
    made.decompositions[0].sentence = next(texts)
    made.coupons.add(variant="free", coupon=next(texts), orders=3)
    made.channels.add(channel=next(texts), cost_micros=5, sentence=next(texts))
    made.notes[:] = HOSTILE
    made.days.add(date=HOSTILE[0], variant="free", entered_units=3)
    return Said(made)


def no_looks() -> Said:
    """The first day is not over: figures are provisional, and nothing is decided."""
    made = report()
    made.verdict.Clear()
    made.ClearField("look")
    del made.decompositions[:], made.segments[:]
    for metric in made.metrics:
        del metric.comparisons[:]
        for arm in metric.arms:
            arm.ClearField("estimate")
            arm.immature_units, arm.provisional_estimate = 40, 0.03
    return Said(made)


def empty_variant() -> Said:
    """Nobody has seen the treatment."""
    made = report()
    made.verdict.kind = pb.VERDICT_KIND_DO_NOT_TRUST
    made.totals[1].Clear()
    made.totals[1].variant = "free"
    for metric in made.metrics:
        metric.arms[1].Clear()
        metric.arms[1].variant = "free"
        metric.comparisons[0].Clear()
        metric.comparisons[0].variant = "free"
        metric.comparisons[0].cannot_say = "nobody has seen it"
    made.days.add(date="2026-03-01", variant="control", entered_units=300)
    return Said(made)


def in_currency(currency: str, scale: float) -> Said:
    """Money of another currency and size."""
    made = report()
    made.currency_code = currency
    for totals in made.totals:
        totals.revenue_micros = round(totals.revenue_micros * min(scale, 1e5))
    for arm in made.metrics[0].arms:
        arm.estimate *= scale
    for decomposition in made.decompositions:
        decomposition.difference *= scale
        for factor in decomposition.factors:
            factor.contribution *= scale
    return Said(made)


def _interval(middle: float, half: float) -> Interval:
    return Interval(lower=middle - half, upper=middle + half, confidence=_LEVEL)


def _add_metric(
    made: pb.Report,
    name: str,
    role: "pb.MetricRole.ValueType",
    variants: list[str],
    dice: random.Random,
) -> None:
    is_money = name == "revenue_per_visitor"
    metric = made.metrics.add(
        metric=name, role=role, direction=DIRECTION_HIGHER,
        quantity=QUANTITY_MONEY if is_money else QUANTITY_SHARE,
    )  # fmt: skip
    for number, variant in enumerate(variants):
        metric.arms.add(variant=variant, units=900, estimate=dice.random(), probability_best=0.05)
        if number:
            lift = dice.gauss(0, 0.1)
            metric.comparisons.add(
                variant=variant, lift=lift, lift_interval=_interval(lift, 0.12), p_value=0.2,
                difference=lift, difference_interval=_interval(lift, 0.12),
            )  # fmt: skip


def _add_segment(cut: pb.SegmentResult, value: str, variant: str, dice: random.Random) -> None:
    lift = dice.gauss(0, 0.2)
    cut.segments.add(
        value=value, variant=variant, units=20, raw_lift=lift, lift=lift / 3,
        raw_lift_interval=_interval(lift, 0.5), lift_interval=_interval(lift / 3, 0.2),
        sentence=f"{value}: too few to say.",
    )  # fmt: skip


def _look(day: int, metrics: Iterable[str], variants: list[str], dice: random.Random) -> pb.Look:
    look = pb.Look(number=day, day=day)
    look.as_of_time.FromJsonString(f"2026-02-{day:02}T23:00:00Z")
    for metric in metrics:
        for variant in variants:
            lift = dice.gauss(0, 0.3 / day)
            look.comparisons.add(
                metric=metric, variant=variant, z=lift * 10, boundary=3.0, harm_boundary=-3.0,
                lift=lift, lift_interval=_interval(lift, 1 / day),
            )  # fmt: skip
    return look


def _add_days(made: pb.Report, variants: list[str], dice: random.Random) -> None:
    for day in range(1, 29):
        for variant in variants:
            made.days.add(
                date=f"2026-02-{day:02}", variant=variant, entered_units=dice.randint(20, 60)
            )
