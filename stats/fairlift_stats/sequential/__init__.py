"""Looking every day and stopping early, without false winners."""

from fairlift_stats.sequential.looks import ArmCount, Cell, Evidence, Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.sequential.spending import Side, Spending

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
