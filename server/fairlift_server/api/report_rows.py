"""Reports as two tables: a row for each variant, and a row for each variant and metric."""

from datetime import UTC

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Direction, Interval, Quantity, UnitKind
from fairlift.wire.campaign import campaign_id
from fairlift.wire.variant_counts import variant_counts
from fairlift_report.spreadsheets import SheetRow
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.api.report_reading import CampaignReport


def variant_rows(read: CampaignReport) -> list[SheetRow]:
    """What each variant has so far, and the campaign's verdict; one row if there is no report.

    Money is in the currency's own unit, times are ISO 8601 in UTC. None: it cannot be said.
    """
    campaign = _campaign(read)
    if read.report is None:
        return [{**campaign, "error": read.refusal}]
    report = read.report
    return [
        {
            **campaign,
            "currency": report.currency_code,
            "unit": _word(UnitKind.Name(report.unit), "UNIT_KIND_"),
            "read_at": _time(report.create_time),
            "look_of": _time(report.look.as_of_time) if report.HasField("look") else None,
            "verdict": _word(pb.VerdictKind.Name(report.verdict.kind), "VERDICT_KIND_"),
            "verdict_variant": report.verdict.variant or None,
            "verdict_sentence": report.verdict.sentence or None,
            "action": report.verdict.action or None,
            "variant": total.variant,
            "variant_name": total.display_name,
            "control": total.control,
            **variant_counts(total),
        }
        for total in report.totals
    ]


def metric_rows(read: CampaignReport) -> list[SheetRow]:
    """Each metric of each variant as of the last look, and against the control.

    Shares and lifts are fractions: 0.04 is 4 %.
    """
    if read.report is None:
        return []
    report = read.report
    looked = _time(report.look.as_of_time) if report.HasField("look") else None
    rows: list[SheetRow] = []
    for metric in report.metrics:
        compared = {comparison.variant: comparison for comparison in metric.comparisons}
        for arm in metric.arms:
            against = compared.get(arm.variant)
            rows.append(
                {
                    **_campaign(read),
                    "look_of": looked,
                    "metric": metric.metric,
                    "metric_name": metric.display_name,
                    "role": _word(pb.MetricRole.Name(metric.role), "METRIC_ROLE_"),
                    "quantity": _word(Quantity.Name(metric.quantity), "QUANTITY_"),
                    "better": _word(Direction.Name(metric.direction), "DIRECTION_"),
                    "variant": arm.variant,
                    "control": against is None,
                    "units": arm.units,
                    "immature_units": arm.immature_units,
                    "estimate": _number(arm, "estimate"),
                    **_interval("estimate", arm.interval),
                    "probability_best": _number(arm, "probability_best"),
                    "expected_loss": _number(arm, "expected_loss"),
                    **_comparison(against or pb.MetricResult.Comparison()),
                    "error": metric.error or None,
                }
            )
    return rows


def _comparison(against: pb.MetricResult.Comparison) -> SheetRow:
    guardrail = _word(pb.GuardrailStanding.Name(against.guardrail), "GUARDRAIL_STANDING_")
    return {
        "difference": _number(against, "difference"),
        **_interval("difference", against.difference_interval),
        "lift": _number(against, "lift"),
        **_interval("lift", against.lift_interval),
        "p_value": _number(against, "p_value"),
        "adjusted_p_value": _number(against, "adjusted_p_value"),
        **_interval("sequential_lift", against.sequential_lift_interval),
        "probability_better": _number(against.posterior, "probability_better"),
        "guardrail": guardrail,
        "cannot_say": against.cannot_say or None,
    }


def _campaign(read: CampaignReport) -> SheetRow:
    summary = read.summary
    return {
        "campaign": campaign_id(summary.campaign),
        "campaign_name": summary.display_name,
        "epoch": summary.epoch if read.report is None else read.report.epoch,
    }


def _interval(name: str, interval: Interval) -> SheetRow:
    return {
        f"{name}_lower": _number(interval, "lower"),
        f"{name}_upper": _number(interval, "upper"),
        f"{name}_confidence": interval.confidence or None,
    }


def _number(message: Message, field: str) -> float | None:
    value: float | None = getattr(message, field) if message.HasField(field) else None
    return value


def _time(time: Timestamp) -> str:
    return time.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _word(name: str, prefix: str) -> str | None:
    word = name.removeprefix(prefix).lower()
    return None if word == "unspecified" else word
