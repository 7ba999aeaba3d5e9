"""What a look keeps: what the mathematics saw, so that its answer can be computed again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.quantiles import QuantileArm, Quantiles
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.sequential.sealed_looks import look_from_json, look_to_json
from fairlift_stats.sequential.sealed_plan import fingerprint, plan_from_json, plan_to_json

from fairlift_server.analysis.columns import Window

# By variant, every one of them.
Summaries = Mapping[str, Summary]


@dataclass(frozen=True, slots=True)
class KeptLook:
    """One look.

    Attributes:
        plan: the rule of stopping as it was at the first look: later versions obey it too.
        look: counts and evidence.
        summaries: by window and variant, of the units for which the window was over.
        entered: by variant, units that were exposed, mature or not.
        quantiles: by variant and metric.
        segments: by attribute, label and variant, of the first primary metric.
        contaminated: units that met several variants, by the one they met first.
        verdict: the kind of verdict that it gave.
        boundaries: by primary metric and treatment, the z at which it succeeds, where judged.
    """

    plan: SequentialPlan
    look: Look
    summaries: Mapping[Window, Summaries]
    entered: Mapping[str, int]
    quantiles: Mapping[str, Quantiles]
    segments: Mapping[str, Mapping[str, Summaries]]
    contaminated: Mapping[str, int]
    verdict: str = ""
    boundaries: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def to_json(self) -> str:
        """The look as JSON; floats keep every bit."""
        return json.dumps(
            {
                "plan": json.loads(plan_to_json(self.plan)),
                "look": json.loads(look_to_json(self.look)),
                "summaries": [
                    [window, _written(by_variant)] for window, by_variant in self.summaries.items()
                ],
                "entered": dict(self.entered),
                "quantiles": {
                    variant: {metric: asdict(arm) for metric, arm in arms.items()}
                    for variant, arms in self.quantiles.items()
                },
                "segments": {
                    attribute: {label: _written(cut) for label, cut in labels.items()}
                    for attribute, labels in self.segments.items()
                },
                "contaminated": dict(self.contaminated),
                "verdict": self.verdict,
                "boundaries": [[*pair, z] for pair, z in self.boundaries.items()],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "KeptLook":
        """The look that `to_json` wrote."""
        read = json.loads(text)
        return cls(
            plan_from_json(json.dumps(read["plan"])),
            look_from_json(json.dumps(read["look"])),
            {window: _read(by_variant) for window, by_variant in read["summaries"]},
            read["entered"],
            {
                variant: {metric: QuantileArm(**arm) for metric, arm in arms.items()}
                for variant, arms in read["quantiles"].items()
            },
            {
                attribute: {label: _read(cut) for label, cut in labels.items()}
                for attribute, labels in read["segments"].items()
            },
            read["contaminated"],
            read["verdict"],
            {(metric, variant): z for metric, variant, z in read["boundaries"]},
        )


def log_of(plan: SequentialPlan, contents: Sequence[KeptLook]) -> LookLog:
    """The looks as the log that verdicts are made from."""
    return LookLog(fingerprint(plan), tuple(content.look for content in contents))


def _written(summaries: Summaries) -> dict[str, Any]:
    return {variant: _summary_to(summary) for variant, summary in summaries.items()}


def _read(summaries: Mapping[str, Any]) -> dict[str, Summary]:
    return {variant: _summary_from(read) for variant, read in summaries.items()}


def _summary_to(summary: Summary) -> dict[str, Any]:
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


def _summary_from(read: Mapping[str, Any]) -> Summary:
    columns = tuple(read["columns"])
    comoments = np.full((len(columns), len(columns)), np.nan)
    for i, j, value in read["comoments"]:
        comoments[i, j] = comoments[j, i] = value
    thirds = {(a, b, c): value for a, b, c, value in read["thirds"]}
    return Summary(read["n"], columns, tuple(read["sums"]), comoments, thirds)
