"""Looking every day and stopping early, without false winners."""

from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.looks import ArmCount, Cell, Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan

__all__ = [
    "ArmCount",
    "Cell",
    "Evidence",
    "Look",
    "LookLog",
    "PlannedMetric",
    "SequentialPlan",
    "Side",
    "Spending",
]
