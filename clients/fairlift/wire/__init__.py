"""Messages of fairlift.v1 to the engine's meanings and back, and nothing else."""

from fairlift.wire.assignment import assignment_from, assignment_to, outcome_to
from fairlift.wire.audience import condition_from, condition_to
from fairlift.wire.campaign import (
    campaign_from,
    campaign_from_bytes,
    campaign_id,
    campaign_to,
    campaign_to_bytes,
)
from fairlift.wire.change import change_to
from fairlift.wire.plan import metric_from, metric_to, plan_from, plan_to
from fairlift.wire.snapshot import snapshot_from, snapshot_to
from fairlift.wire.values import (
    LazyAttributes,
    attributes_to,
    struct_from,
    struct_to,
    time_from,
    time_to,
    value_from,
    value_to,
)

__all__ = [
    "LazyAttributes",
    "assignment_from",
    "assignment_to",
    "attributes_to",
    "campaign_from",
    "campaign_from_bytes",
    "campaign_id",
    "campaign_to",
    "campaign_to_bytes",
    "change_to",
    "condition_from",
    "condition_to",
    "metric_from",
    "metric_to",
    "outcome_to",
    "plan_from",
    "plan_to",
    "snapshot_from",
    "snapshot_to",
    "struct_from",
    "struct_to",
    "time_from",
    "time_to",
    "value_from",
    "value_to",
]
