"""Looks as JSON, each chained to the one before, so that a later edit is refused by name.

The names below are the format: they are written in full, never taken from a class or a field, so
that code may be renamed without breaking a seal. Never change one; add new ones, with a default.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fairlift_stats.errors import StatisticsError
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.errors import BadLook, LookEdited
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog, TrafficPart

__all__ = [
    "SealedContent",
    "check_chain",
    "link",
    "log_from_json",
    "log_to_json",
    "look_from_json",
    "look_to_json",
]


@dataclass(frozen=True, slots=True)
class SealedContent:
    """What a store keeps of a look: its content and the hash that was written with it."""

    content: str
    hash: str


def link(previous: str, content: str) -> str:
    """The hash of a look's content after the hash before it; the plan's hash is the first."""
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def check_chain(plan_hash: str, looks: Sequence[SealedContent]) -> None:
    """Let pass only looks that are what was written, in the order in which they were written.

    Raises:
        LookEdited: with the number of the first that is not.
    """
    previous = plan_hash
    for number, look in enumerate(looks, start=1):
        if link(previous, look.content) != look.hash:
            raise LookEdited(number, _day_of(look.content))
        previous = look.hash


def _day_of(content: str) -> int | None:
    """The day that an edited look says, if it still says one."""
    try:
        read = json.loads(content)
        day = read.get("day", read.get("look", {}).get("day"))
    except (AttributeError, ValueError):
        return None
    return day if isinstance(day, int) else None


def look_to_json(look: Look) -> str:
    """The look in canonical JSON; floats keep every bit."""
    return json.dumps(_look_to(look), sort_keys=True, separators=(",", ":"), allow_nan=False)


def look_from_json(text: str) -> Look:
    """The look that `look_to_json` wrote.

    Raises:
        BadLook: the text is no look.
    """
    try:
        return _look_from(json.loads(text))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if isinstance(error, StatisticsError):
            raise
        raise BadLook(f"look: cannot be read: {error!r}") from error


def log_to_json(log: LookLog) -> str:
    """The log with the chain of its looks."""
    sealed, previous = [], log.plan
    for look in log.looks:
        content = look_to_json(look)
        previous = link(previous, content)
        sealed.append({"content": content, "hash": previous})
    return json.dumps({"plan": log.plan, "looks": sealed}, separators=(",", ":"))


def log_from_json(text: str) -> LookLog:
    """The log that `log_to_json` wrote, its chain checked.

    A chain whose newest looks were cut off is a chain: whoever has to notice that keeps the last
    hash apart, as the server does in its line of each campaign.

    Raises:
        BadLook: the text is no log.
        LookEdited: a look was changed after it was written.
    """
    try:
        read = json.loads(text)
        looks = [SealedContent(look["content"], look["hash"]) for look in read["looks"]]
        plan = read["plan"]
        check_chain(plan, looks)
    except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
        raise BadLook(f"look log: cannot be read: {error!r}") from error
    return LookLog(plan, tuple(look_from_json(look.content) for look in looks))


def _look_to(look: Look) -> dict[str, object]:
    stopped = {} if look.stopped_on is None else {"stopped_on": look.stopped_on}
    return {
        "at": look.at,
        "day": look.day,
        "closing": look.closing,
        "counts": [
            {
                "arm": count.arm,
                "units": count.units,
                "converters": count.converters,
                "orders": count.orders,
                "entered": count.entered,
                "alarm_units": count.alarm_units,
                "alarm_converters": count.alarm_converters,
            }
            for count in look.counts
        ],
        "evidence": [_evidence_to(evidence) for evidence in look.evidence],
        "parts": [{"name": part.name, "units": list(part.units)} for part in look.parts],
        **stopped,
    }


def _evidence_to(evidence: Evidence) -> dict[str, object]:
    contrast, rates = evidence.contrast, evidence.contrast.rates
    return {
        "metric": evidence.metric,
        "arm": evidence.arm,
        "z": evidence.z,
        "control": contrast.control,
        "treatment": contrast.treatment,
        "control_variance": contrast.control_variance,
        "treatment_variance": contrast.treatment_variance,
        "covariance": contrast.covariance,
        "df": contrast.df if math.isfinite(contrast.df) else None,
        "rates": None
        if rates is None
        else {
            "control_events": rates.xc,
            "control_units": rates.nc,
            "treatment_events": rates.xt,
            "treatment_units": rates.nt,
        },
        "units": evidence.units,
        "events": None if evidence.events is None else list(evidence.events),
        "skew": evidence.skew,
        "capped": evidence.capped,
    }


# JSON values of many shapes pass through here.
def _look_from(read: dict[str, Any]) -> Look:
    return Look(
        at=read["at"],
        day=read["day"],
        closing=read["closing"],
        counts=tuple(
            ArmCount(
                arm=count["arm"],
                units=count["units"],
                converters=count["converters"],
                orders=count["orders"],
                entered=count["entered"],
                alarm_units=count["alarm_units"],
                alarm_converters=count["alarm_converters"],
            )
            for count in read["counts"]
        ),
        evidence=tuple(_evidence_from(evidence) for evidence in read["evidence"]),
        parts=tuple(TrafficPart(part["name"], tuple(part["units"])) for part in read["parts"]),
        stopped_on=read.get("stopped_on"),
    )


def _evidence_from(read: dict[str, Any]) -> Evidence:
    rates, events = read["rates"], read["events"]
    return Evidence(
        metric=read["metric"],
        arm=read["arm"],
        z=read["z"],
        contrast=Contrast(
            control=read["control"],
            treatment=read["treatment"],
            control_variance=read["control_variance"],
            treatment_variance=read["treatment_variance"],
            covariance=read["covariance"],
            df=math.inf if read["df"] is None else read["df"],
            rates=None
            if rates is None
            else TwoRates(
                xt=rates["treatment_events"],
                nt=rates["treatment_units"],
                xc=rates["control_events"],
                nc=rates["control_units"],
            ),
        ),
        units=read["units"],
        events=None if events is None else (events[0], events[1]),
        skew=read["skew"],
        capped=read["capped"],
    )
