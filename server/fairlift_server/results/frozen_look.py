"""What a look keeps: all that the mathematics saw, sealed by a chain of hashes.

The names in the JSON are the format: they are written in full, never taken from a class or a
field, so that code may be renamed without breaking a seal.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.quantiles import QuantileArm, Quantiles
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.sequential.sealed_looks import (
    SealedContent,
    link,
    look_from_json,
    look_to_json,
)
from fairlift_stats.sequential.sealed_plan import fingerprint, plan_from_json, plan_to_json

from fairlift_server.analysis.columns import Window
from fairlift_server.results.look_text import content_and_hash, stored_text

# Looks that a process keeps as they were read; each takes some 100 kB.
_MOST_READ: Final = 128

# By variant, every one of them.
Summaries = Mapping[str, Summary]
# By attribute and label.
Cuts = Mapping[str, Mapping[str, Summaries]]


@dataclass(frozen=True, slots=True)
class FrozenLook:
    """One look.

    Attributes:
        plan: the stopping rule as it was at the first look: later versions obey it too.
        look: counts and evidence as of the end of its day.
        summaries: by window and variant, of the units for which the window was over.
        entered: by variant, units that were exposed, mature or not.
        quantiles: by variant and metric.
        segments: by window, attribute, label and variant.
        first_segments: of looks of earlier versions, by attribute, label and variant: those of the
            first primary metric alone.
        contaminated: units that met several variants, by the one they met first.
        verdict: the kind of verdict that the log gave with this look.
    """

    plan: SequentialPlan
    look: Look
    summaries: Mapping[Window, Summaries]
    entered: Mapping[str, int]
    quantiles: Mapping[str, Quantiles]
    segments: Mapping[Window, Cuts]
    contaminated: Mapping[str, int]
    verdict: str = ""
    first_segments: Cuts = field(default_factory=dict)

    def to_json(self) -> str:
        """The look as JSON; floats keep every bit."""
        return json.dumps(
            {
                "plan": json.loads(plan_to_json(self.plan)),
                "look": json.loads(look_to_json(self.look)),
                "verdict": self.verdict,
                "entered": dict(self.entered),
                "contaminated": dict(self.contaminated),
                "summaries": [
                    {"window_days": window, "variants": _summaries_to(by_variant)}
                    for window, by_variant in self.summaries.items()
                ],
                "quantiles": {
                    variant: {metric: quantile_to(arm) for metric, arm in arms.items()}
                    for variant, arms in self.quantiles.items()
                },
                "segments": _cuts_to(self.first_segments),
                "segments_by_window": [
                    {"window_days": window, "attributes": _cuts_to(cuts)}
                    for window, cuts in self.segments.items()
                ],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "FrozenLook":
        """The look that `to_json` wrote."""
        read = json.loads(text)
        return cls(
            plan_from_json(json.dumps(read["plan"])),
            look_from_json(json.dumps(read["look"])),
            {part["window_days"]: _summaries_from(part["variants"]) for part in read["summaries"]},
            read["entered"],
            {
                variant: {metric: quantile_from(arm) for metric, arm in arms.items()}
                for variant, arms in read["quantiles"].items()
            },
            {
                part["window_days"]: _cuts_from(part["attributes"])
                for part in read.get("segments_by_window", ())
            },
            read["contaminated"],
            read["verdict"],
            _cuts_from(read["segments"]),
        )


@lru_cache(maxsize=_MOST_READ)
def frozen_look(content: str) -> FrozenLook:
    """The look that `to_json` wrote; a process that makes reports reads each look once."""
    return FrozenLook.from_json(content)


def log_of(plan: SequentialPlan, looks: Sequence[FrozenLook]) -> LookLog:
    """The looks as the log that verdicts are made from."""
    return LookLog(fingerprint(plan), tuple(record.look for record in looks))


def sealed(previous: str, record: FrozenLook) -> SealedContent:
    """The look with the hash that chains it to the one before; the first to the plan's hash."""
    content = record.to_json()
    return SealedContent(content, link(previous, content))


def sealed_to_json(look: SealedContent) -> str:
    """What the store keeps."""
    return stored_text(look.content, look.hash)


def sealed_from_json(text: str) -> SealedContent:
    """What `sealed_to_json` wrote; anything else has no hash, and so no place in a chain."""
    stored = content_and_hash(text)
    return SealedContent(text, "") if stored is None else SealedContent(*stored)


# JSON values of many shapes pass through here.


def quantile_to(arm: QuantileArm) -> dict[str, Any]:
    """A quantile as JSON values."""
    return {
        "units": arm.n,
        "level": arm.level,
        "value": arm.value,
        "lower": arm.lower,
        "upper": arm.upper,
        "largest_tie": arm.largest_tie,
    }


def quantile_from(read: Mapping[str, Any]) -> QuantileArm:
    """What `quantile_to` wrote."""
    return QuantileArm(
        read["units"],
        read["level"],
        read["value"],
        read["lower"],
        read["upper"],
        largest_tie=read["largest_tie"],
    )


def _cuts_to(cuts: Cuts) -> dict[str, Any]:
    return {
        attribute: {label: _summaries_to(cut) for label, cut in labels.items()}
        for attribute, labels in cuts.items()
    }


def _cuts_from(read: Mapping[str, Any]) -> Cuts:
    return {
        attribute: {label: _summaries_from(cut) for label, cut in labels.items()}
        for attribute, labels in read.items()
    }


def _summaries_to(summaries: Summaries) -> dict[str, Any]:
    return {variant: summary_to(summary) for variant, summary in summaries.items()}


def _summaries_from(summaries: Mapping[str, Any]) -> dict[str, Summary]:
    return {variant: summary_from(read) for variant, read in summaries.items()}


def summary_to(summary: Summary) -> dict[str, Any]:
    """A summary as JSON values; products that were never added up are left out."""
    comoments = [
        [i, j, float(summary.comoments[i, j])]
        for i in range(len(summary.columns))
        for j in range(i, len(summary.columns))
        if not np.isnan(summary.comoments[i, j])
    ]
    return {
        "n": summary.n,
        "columns": list(summary.columns),
        "sums": list(summary.sums),
        "comoments": comoments,
        "thirds": [[*triple, value] for triple, value in summary.thirds.items()],
    }


def summary_from(read: Mapping[str, Any]) -> Summary:
    """What `summary_to` wrote."""
    columns = tuple(read["columns"])
    comoments = np.full((len(columns), len(columns)), np.nan)
    for i, j, value in read["comoments"]:
        comoments[i, j] = comoments[j, i] = value
    thirds = {(a, b, c): value for a, b, c, value in read["thirds"]}
    return Summary(read["n"], columns, tuple(read["sums"]), comoments, thirds)
