"""Health checks of signs in the ledger: each says in a sentence what to do; none blocks."""

from collections.abc import Iterator

from fairlift_stats.messages import (
    Amount,
    Day,
    Figure,
    Listed,
    Message,
    MetricName,
    Number,
    Percent,
    PValue,
    VariantName,
    Verbatim,
)

from fairlift_server.results.health_check import HealthCheck, HealthStatus
from fairlift_server.results.policy_counts import PolicyCount
from fairlift_server.results.quality_signs import QualitySigns

# A warning that is read every day must be rare where nothing is wrong.
_EARLIER_LEVEL = 0.001
_MANY_LATE = 0.01
_MOST_DAYS = 5
# That none of so many orders is of one of so many units is no chance.
_MANY = 100
_WARNING = HealthStatus.WARNING


def sign_checks(signs: QualitySigns, units: int, currency: str) -> Iterator[HealthCheck]:
    """The checks; what is fine is told where a reader would ask, and else left out.

    Args:
        signs: in the ledger.
        units: that the totals count.
        currency: of amounts of money.
    """
    yield from _missing_days(signs)
    yield from _late(signs)
    yield from _busy_units(signs, units)
    yield from _twins(signs)
    yield from _large_orders(signs, currency)
    yield from _large_values(signs)
    yield from _one_channel(signs)
    yield from _unseen_orders(signs, units)
    yield from _earlier(signs)
    yield from _policies(signs)


def _missing_days(signs: QualitySigns) -> Iterator[HealthCheck]:
    days = signs.missing_days
    if not days:
        yield HealthCheck(
            "missing_days", HealthStatus.OK, Message.of("health.no_missing_days"), 0.0
        )
        return
    shown: tuple[Day | Message, ...] = tuple(Day(day.isoformat()) for day in days[:_MOST_DAYS])
    if rest := len(days) - len(shown):
        shown += (Message.counted("health.other_days", "other", other=Number(rest)),)
    message = Message.counted(
        "health.missing_days", "missing", missing=Number(len(days)), days=Listed(shown)
    )
    yield HealthCheck("missing_days", _WARNING, message, float(len(days)))


def _late(signs: QualitySigns) -> Iterator[HealthCheck]:
    late = signs.late.orders + signs.late.amendments + signs.late.exposures
    share = signs.late.orders / signs.orders if signs.orders else 0.0
    if share <= _MANY_LATE:
        yield HealthCheck(
            "late_events", HealthStatus.OK, Message.of("health.few_late"), float(late)
        )
        return
    message = Message.counted(
        "health.late", "late", late=Number(signs.late.orders), all=Number(signs.orders)
    )
    yield HealthCheck("late_events", _WARNING, message, float(late))


def _busy_units(signs: QualitySigns, units: int) -> Iterator[HealthCheck]:
    busy = sum(signs.busy_units.values())
    if busy:
        message = Message.counted("health.busy", "busy", busy=Number(busy), all=Number(units))
        yield HealthCheck("busy_units", _WARNING, message, float(busy))


def _twins(signs: QualitySigns) -> Iterator[HealthCheck]:
    if not signs.twins.pairs:
        return
    message = Message.counted("health.twins_counted", "twins", twins=Number(signs.twins.pairs))
    if signs.twins.examples:
        first, second = signs.twins.examples[0]
        message = Message.counted(
            "health.twins",
            "twins",
            twins=Number(signs.twins.pairs),
            first=Verbatim(first),
            second=Verbatim(second),
        )
    yield HealthCheck("twin_orders", _WARNING, message, float(signs.twins.pairs))


def _large_orders(signs: QualitySigns, currency: str) -> Iterator[HealthCheck]:
    for variant, amounts in signs.large_orders.items():
        amount = sum(amounts)
        message = Message.counted(
            "health.large_orders",
            "buyers",
            buyers=Number(len(amounts)),
            variant=VariantName(variant),
            amount=Amount(amount, currency),
        )
        yield HealthCheck("large_orders", _WARNING, message, amount)


def _large_values(signs: QualitySigns) -> Iterator[HealthCheck]:
    for each in signs.large_values:
        value = max(each.values, key=abs)
        message = Message.counted(
            "health.large_values",
            "units",
            units=Number(len(each.values)),
            variant=VariantName(each.variant),
            action=Verbatim(each.action),
            value=Verbatim(f"{value:g}"),
        )
        yield HealthCheck("large_values", _WARNING, message, abs(value))


def _one_channel(signs: QualitySigns) -> Iterator[HealthCheck]:
    channel = signs.one_sided
    if channel is None:
        return
    message = Message.of(
        "health.one_channel",
        channel=Verbatim(channel.channel),
        variant=VariantName(channel.variant),
        found=Number(channel.in_variant),
        all=Number(channel.orders),
        expected=Percent(channel.expected, 0),
    )
    yield HealthCheck("one_channel", _WARNING, message, float(channel.in_variant))


def _unseen_orders(signs: QualitySigns, units: int) -> Iterator[HealthCheck]:
    orders, unseen = signs.seen.orders, signs.seen.unseen
    if not orders:
        return
    if unseen == orders >= _MANY and units >= _MANY:
        message = Message.of("health.unseen_all", orders=Number(orders))
        yield HealthCheck("unseen_orders", _WARNING, message, float(unseen))
        return
    message = Message.counted(
        "health.unseen_orders", "orders", orders=Number(orders), unseen=Number(unseen)
    )
    yield HealthCheck("unseen_orders", HealthStatus.OK, message, float(unseen))


def _earlier(signs: QualitySigns) -> Iterator[HealthCheck]:
    earlier = signs.earlier
    if earlier is None:
        return
    if earlier.p_value >= _EARLIER_LEVEL:
        message = Message.of("health.earlier_same", p=PValue(earlier.p_value))
        yield HealthCheck("before_exposure", HealthStatus.OK, message, earlier.p_value)
        return
    message = Message.of(
        "health.earlier_differs",
        variant=VariantName(earlier.variant),
        metric=MetricName(earlier.metric),
        p=PValue(earlier.p_value),
    )
    yield HealthCheck("before_exposure", _WARNING, message, earlier.p_value)


def _policies(signs: QualitySigns) -> Iterator[HealthCheck]:
    if len({(count.units, count.left_out) for count in signs.policies}) < 2:
        return  # the policy makes no difference
    metric = next((count.metric for count in signs.policies if count.lifts), "")
    policies = Listed(tuple(map(_policy, signs.policies)))
    message = Message.of("health.policies", policies=policies)
    if metric:
        message = Message.of("health.policies_lift", policies=policies, metric=MetricName(metric))
    mixed = max(count.left_out for count in signs.policies)
    yield HealthCheck("identity_policies", _WARNING, message, float(mixed))


def _policy(count: PolicyCount) -> Message:
    figures: dict[str, Figure] = {
        "policy": Verbatim(count.policy.value),
        "units": Number(count.units),
        "mixed": Number(count.left_out),
    }
    if not count.lifts:
        return Message.of("health.policy", **figures)
    lifts = tuple(
        Message.of("health.lift", variant=VariantName(variant), lift=Percent(lift, signed=True))
        for variant, lift in count.lifts.items()
    )
    return Message.of("health.policy_lift", lifts=Listed(lifts), **figures)
