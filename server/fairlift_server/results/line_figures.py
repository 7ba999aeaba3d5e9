"""Worth and forecast as JSON, for the line that a list reads.

The names are the format: written in full, never taken from a class or a field.
"""

from collections.abc import Mapping
from typing import Any

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.traffic import PresentTraffic
from fairlift_stats.verdict.facts import Estimate, Outlook
from fairlift_stats.verdict.weekly_worth import WeeklyWorth

# JSON values of many shapes pass through here.


def worth_to_json(worth: WeeklyWorth) -> dict[str, Any]:
    """A worth as a JSON value."""
    return {
        "variant": worth.variant,
        "metric": worth.metric,
        "meaning": worth.meaning,
        "traffic": None if worth.traffic is None else _traffic_to(worth.traffic),
        "share": worth.share,
        "difference": None if worth.difference is None else _estimate_to(worth.difference),
        "confidence": worth.confidence,
        "estimate": worth.estimate,
        "missing": worth.missing,
    }


def worth_from_json(read: Mapping[str, Any]) -> WeeklyWorth:
    """What `worth_to_json` wrote."""
    return WeeklyWorth(
        read["variant"],
        read["metric"],
        read["meaning"],
        None if read["traffic"] is None else _traffic_from(read["traffic"]),
        read["share"],
        None if read["difference"] is None else _estimate_from(read["difference"]),
        read["confidence"],
        read["estimate"],
        read["missing"],
    )


def outlook_to_json(outlook: Outlook) -> dict[str, Any]:
    """An outlook as a JSON value; its looks are left out, as no list shows them."""
    return {
        "variant": outlook.arm,
        "metric": outlook.metric,
        "conditional_power": outlook.conditional_power,
        "predictive_power": outlook.predictive_power,
        "days": list(outlook.days),
        "days_left": outlook.days_left,
        "end": outlook.end,
        "traffic": _traffic_to(outlook.traffic),
    }


def outlook_from_json(read: Mapping[str, Any]) -> Outlook:
    """What `outlook_to_json` wrote."""
    early, middle, late = read["days"]
    return Outlook(
        read["variant"],
        read["metric"],
        read["conditional_power"],
        read["predictive_power"],
        (early, middle, late),
        read["days_left"],
        read["end"],
        _traffic_from(read["traffic"]),
        (),
    )


def _traffic_to(traffic: PresentTraffic) -> dict[str, Any]:
    return {
        "a_day": traffic.a_day,
        "days": traffic.days,
        "entered": traffic.entered,
        "until": traffic.until,
    }


def _traffic_from(read: Mapping[str, Any]) -> PresentTraffic:
    return PresentTraffic(read["a_day"], read["days"], read["entered"], read["until"])


def _estimate_to(estimate: Estimate) -> dict[str, Any]:
    return {
        "day": estimate.at,
        "value": estimate.value,
        "interval": [estimate.interval.low, estimate.interval.high],
    }


def _estimate_from(read: Mapping[str, Any]) -> Estimate:
    return Estimate(read["day"], read["value"], Interval(*read["interval"]), None, None)
