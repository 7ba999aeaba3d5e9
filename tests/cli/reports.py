"""A report as a server would send it, made by hand: figures that no code of ours computed."""

import io

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import (
    DIRECTION_HIGHER,
    QUANTITY_MONEY,
    QUANTITY_SHARE,
    Interval,
    Quantity,
)
from fairlift_cli.report import show_report
from fairlift_cli.screen import Screen
from rich.console import Console

Arm = pb.MetricResult.ArmEstimate
Comparison = pb.MetricResult.Comparison


def report() -> pb.Report:
    """A campaign with a winner, a metric without a number, and a refund."""
    found = pb.Report(
        campaign="campaigns/free-shipping",
        display_name="Free shipping over 50",
        epoch=1,
        currency_code="EUR",
        plan_hash="ab" * 32,
        notes=["38 orders were refunded."],
    )
    found.verdict.kind = pb.VERDICT_KIND_SHIP
    found.verdict.sentence = "Free earns more per visitor, and that is certain enough."
    found.verdict.action = "Show it to everybody."
    found.verdict.reasons.add(code="false_alarm", sentence="The boundary was crossed at look 5.")
    for variant, name in (("control", "Delivery 4.90"), ("free", "Envío gratis")):
        found.totals.add(
            variant=variant, display_name=name, control=variant == "control", units=15_012,
            buyers=460, orders=500,
            revenue_micros=25_000_120_000, net_revenue_micros=24_100_000_000,
        )  # fmt: skip
    found.metrics.append(
        _metric("revenue_per_visitor", pb.METRIC_ROLE_PRIMARY, QUANTITY_MONEY, (1.12, 1.19), 0.061)
    )
    found.metrics.append(
        _metric(
            "conversion_rate", pb.METRIC_ROLE_SECONDARY, QUANTITY_SHARE, (0.0302, 0.0331), 0.096
        )
    )
    found.metrics.append(_without_number())
    found.health.checks.add(
        name="sample_ratio", status=pb.HEALTH_STATUS_OK, sentence="Units fall as planned."
    )
    found.health.checks.add(
        name="late", status=pb.HEALTH_STATUS_WARNING, sentence="12 events came late."
    )
    _add_explanations(found)
    return found


def _add_explanations(found: pb.Report) -> None:
    taken_apart = found.decompositions.add(
        variant="free", difference=0.07, sentence="more buyers, smaller baskets"
    )
    taken_apart.factors.add(metric="conversion_rate", lift=0.096, contribution=0.10)
    taken_apart.factors.add(metric="average_ticket", lift=-0.03, contribution=-0.03)
    cut = found.segments.add(
        attribute="device", metric="revenue_per_visitor", heterogeneity_p_value=0.4
    )
    for value, units, lift in (("mobile", 14_982, 0.062), ("desktop", 30, 0.06)):
        cut.segments.add(
            value=value, variant="free", units=units, lift=lift,
            lift_interval=Interval(lower=-0.01, upper=0.13, confidence=0.95),
            sentence="desktop: too few to say." if units < 100 else "",
        )  # fmt: skip
    found.look.number, found.look.information = 5, 0.52
    found.time_zone = "Europe/Madrid"
    # The end of the first of March there.
    found.look.as_of_time.FromJsonString("2026-03-01T23:00:00Z")
    found.next_look_time.FromJsonString("2026-03-02T10:00:00Z")
    found.totals[1].contaminated_units = 3


def _metric(
    name: str,
    role: pb.MetricRole.ValueType,
    quantity: Quantity.ValueType,
    values: tuple[float, float],
    lift: float,
) -> pb.MetricResult:
    compared = Comparison(
        variant="free",
        lift=lift,
        lift_interval=Interval(lower=lift - 0.03, upper=lift + 0.03, confidence=0.95),
        sequential_lift_interval=Interval(lower=lift - 0.05, upper=lift + 0.05, confidence=0.95),
        p_value=0.0123,
        method=pb.METHOD_WELCH_FIELLER,
    )
    return pb.MetricResult(
        metric=name,
        role=role,
        quantity=quantity,
        direction=DIRECTION_HIGHER,
        arms=[
            Arm(variant="control", estimate=values[0], probability_best=0.02),
            Arm(variant="free", estimate=values[1], probability_best=0.98),
        ],
        comparisons=[compared],
    )


def _without_number() -> pb.MetricResult:
    return pb.MetricResult(
        metric="nps",
        role=pb.METRIC_ROLE_SECONDARY,
        arms=[Arm(variant="control", estimate=0.3), Arm(variant="free")],
        comparisons=[Comparison(variant="free", cannot_say="nobody answered")],
    )


def shown(
    found: pb.Report,
    *,
    language: str = "en",
    details: bool = False,
    width: int = 80,
    encoding: str = "utf-8",
    terminal: bool = False,
) -> str:
    """The report as it is printed on a stream of this width and encoding."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(
        file=stream, width=width, markup=False, highlight=False, emoji=False,
        force_terminal=terminal, color_system="standard" if terminal else None,
    )  # fmt: skip
    show_report(Screen(console=console), found, language=language, details=details)
    stream.seek(0)
    return stream.read()
