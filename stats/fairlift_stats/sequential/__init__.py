"""Looking every day and stopping early, without false winners."""

from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog, TrafficPart
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan

__all__ = [
    "ArmCount",
    "Evidence",
    "Look",
    "LookLog",
    "SequentialMetric",
    "SequentialPlan",
    "Side",
    "Spending",
    "TrafficPart",
]
