"""One check of data quality."""

from dataclasses import dataclass
from enum import Enum

from fairlift_stats.messages import Message
from fairlift_stats.methods.imbalance import ImbalanceCause


class HealthStatus(Enum):
    """How bad it is."""

    NOT_CHECKED = "not_checked"
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check.

    Attributes:
        name: a stable name.
        status: how it stands; message: why.
        value: its figure, such as a count or a p-value.
        evidence: an e-value.
        is_of_shop: it is about all campaigns together.
        causes: of an imbalance, what explains most of it first.
    """

    name: str
    status: HealthStatus
    message: Message
    value: float
    evidence: float | None = None
    is_of_shop: bool = False
    causes: tuple[ImbalanceCause, ...] = ()
