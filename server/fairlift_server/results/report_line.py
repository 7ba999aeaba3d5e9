"""A report in one line: written with its look, so that a list of campaigns computes nothing.

The names in the JSON are the format: written in full, never taken from a class or a field.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlift_stats.effects import Interval
from fairlift_stats.messages import Message
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import ArmStanding, GuardrailStanding, NoOutlook, Outlook
from fairlift_stats.verdict.weekly_worth import WeeklyWorth

from fairlift_server.results.health_check import HealthStatus
from fairlift_server.results.line_figures import (
    outlook_from_json,
    outlook_to_json,
    worth_from_json,
    worth_to_json,
)
from fairlift_server.results.message_json import message_from, message_to


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """A verdict without its reasons and what stands behind it.

    Attributes:
        kind, cause, variant, metric, headline, action: of the verdict.
        decided_day, advised_day, next_due: campaign days.
        evidence: as a share of what success needs; 1 is enough.
        confidence: of the interval.
        lift, lift_interval: corrected for stopping early where there is a correction.
        raw_lift: as it was measured.
    """

    kind: str
    cause: str
    variant: str | None
    metric: str | None
    headline: Message
    action: Message
    decided_day: int | None
    advised_day: int | None
    next_due: int | None
    evidence: float
    confidence: float
    lift: float | None
    lift_interval: Interval | None
    raw_lift: float | None


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What a list says of a campaign, as of its last look.

    Attributes:
        day: whole campaign days.
        units: that had entered, in all variants together.
        health: the gravest of the checks.
        verdict: None where it could not be computed.
        failure: why the verdict could not be computed; empty where it could.
        last_day: once entry is over, the campaign day whose look is the last; else 0.
        information: share of the planned units that are mature; None in lines of earlier versions.
        analysed_units: that are mature; None in lines of earlier versions.
        worth: of the variant that the verdict speaks of, or else of the best one.
        forecast: when a decision is to be expected, or why that cannot be said; None where nothing
            is waited for.
    """

    day: int
    units: int
    health: HealthStatus
    verdict: VerdictLine | None
    failure: str = ""
    last_day: int = 0
    information: float | None = None
    analysed_units: int | None = None
    worth: WeeklyWorth | None = None
    forecast: Outlook | NoOutlook | None = None

    def to_json(self) -> str:
        """The line as JSON."""
        return json.dumps(
            {
                "day": self.day,
                "units": self.units,
                "health": self.health.value,
                "verdict": None if self.verdict is None else _verdict_to(self.verdict),
                "failure": self.failure,
                "last_day": self.last_day,
                "information": self.information,
                "analysed_units": self.analysed_units,
                "worth": None if self.worth is None else worth_to_json(self.worth),
                "forecast": (
                    outlook_to_json(self.forecast)
                    if isinstance(self.forecast, Outlook)
                    else self.forecast
                ),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "ReportLine":
        """The line that `to_json` wrote."""
        read = json.loads(text)
        # Lines of earlier versions lack the last four.
        worth, forecast = read.get("worth"), read.get("forecast")
        return cls(
            read["day"],
            read["units"],
            HealthStatus(read["health"]),
            None if read["verdict"] is None else _verdict_from(read["verdict"]),
            read["failure"],
            read["last_day"],
            read.get("information"),
            read.get("analysed_units"),
            None if worth is None else worth_from_json(worth),
            outlook_from_json(forecast) if isinstance(forecast, dict) else forecast,
        )


def verdict_line(verdict: Verdict) -> VerdictLine:
    """The verdict in short."""
    judged = judged_comparison(verdict)
    raw, estimate = None if judged is None else judged.raw, verdict.estimate
    return VerdictLine(
        verdict.kind,
        verdict.cause,
        verdict.variant,
        verdict.metric,
        verdict.headline,
        verdict.action,
        verdict.decided_day,
        verdict.advised_day,
        verdict.next_due,
        evidence=max(
            standing.meter
            for standing in verdict.facts.arms
            if verdict.variant in (None, standing.arm)
        ),
        confidence=(
            judged.confidence if isinstance(judged, GuardrailStanding) else verdict.facts.confidence
        ),
        lift=None if estimate is None else estimate.lift,
        lift_interval=None if estimate is None else estimate.lift_interval,
        raw_lift=None if raw is None else raw.lift,
    )


def forecast_of(verdict: Verdict) -> Outlook | NoOutlook | None:
    """When a decision is to be expected, or why that cannot be said.

    None where nothing is waited for: after a decision, after the end, and once it was advised to
    give up.
    """
    if verdict.kind == "stop_futile":
        return None
    return verdict.facts.outlook or verdict.facts.no_outlook


def judged_comparison(verdict: Verdict) -> ArmStanding | GuardrailStanding | None:
    """The comparison that the verdict rests on; None when it is not about one variant."""
    comparisons: list[ArmStanding | GuardrailStanding] = [
        *verdict.facts.arms,
        *verdict.facts.guardrails,
    ]
    for comparison in comparisons:
        if (comparison.arm, comparison.metric) == (verdict.variant, verdict.metric):
            return comparison
    return None


# JSON values of many shapes pass through here. An end of an interval that is not finite is written
# as Python's JSON has it, and read back as it was.


def _verdict_to(line: VerdictLine) -> dict[str, Any]:
    interval = line.lift_interval
    return {
        "kind": line.kind,
        "cause": line.cause,
        "variant": line.variant,
        "metric": line.metric,
        "headline": message_to(line.headline),
        "action": message_to(line.action),
        "decided_day": line.decided_day,
        "advised_day": line.advised_day,
        "next_due": line.next_due,
        "evidence": line.evidence,
        "confidence": line.confidence,
        "lift": line.lift,
        "lift_interval": None if interval is None else [interval.low, interval.high],
        "raw_lift": line.raw_lift,
    }


def _verdict_from(read: Mapping[str, Any]) -> VerdictLine:
    interval = read["lift_interval"]
    return VerdictLine(
        read["kind"],
        read["cause"],
        read["variant"],
        read["metric"],
        message_from(read["headline"]),
        message_from(read["action"]),
        read["decided_day"],
        read["advised_day"],
        read["next_due"],
        read["evidence"],
        read["confidence"],
        read["lift"],
        None if interval is None else Interval(*interval),
        read["raw_lift"],
    )
