"""What calls are for: how many of each class run at once, and how long one may take.

A shop sells while its reports wait, so classes are listed by what a shop misses first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

LONGEST_CALL_S = 1_800.0


class CallClass(IntEnum):
    """A smaller one is more important."""

    ASSIGN = 0
    RECORD = 1
    RESULTS = 2
    ADMIN = 3
    STREAM = 4
    # Load balancers ask without a token: they have places of their own, and take no others. Those
    # that watch keep theirs, so that they must not take the places of those that ask.
    HEALTH = 5
    HEALTH_WATCH = 6


@dataclass(frozen=True, slots=True)
class ClassLimit:
    """The limits of one class, for each process of the server.

    Attributes:
        at_once: calls that run; further ones are refused.
        least_s: a call whose caller waits for less is refused: it could not be answered in time.
    """

    at_once: int
    least_s: float = 0.0


# Assignments have no limit: deciding one takes less time than refusing it.
LIMITS: Mapping[CallClass, ClassLimit] = {
    CallClass.RECORD: ClassLimit(at_once=1_000, least_s=0.005),
    CallClass.RESULTS: ClassLimit(at_once=100, least_s=0.02),
    CallClass.ADMIN: ClassLimit(at_once=50, least_s=0.02),
    CallClass.STREAM: ClassLimit(at_once=10_000),
    CallClass.HEALTH: ClassLimit(at_once=1_000),
    CallClass.HEALTH_WATCH: ClassLimit(at_once=1_000),
}

ASSIGN_VARIANTS = "/fairlift.v1.AssignmentService/AssignVariants"
RECORD_EVENTS = "/fairlift.v1.EventService/RecordEvents"
STREAM_EVENTS = "/fairlift.v1.EventService/StreamEvents"
_CLASSES: Mapping[str, CallClass] = {
    ASSIGN_VARIANTS: CallClass.ASSIGN,
    RECORD_EVENTS: CallClass.RECORD,
    STREAM_EVENTS: CallClass.STREAM,
    "/fairlift.v1.AssignmentService/WatchSnapshot": CallClass.STREAM,
    "/fairlift.v1.ResultsService/WatchResults": CallClass.STREAM,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": CallClass.STREAM,
    "/grpc.health.v1.Health/Check": CallClass.HEALTH,
    "/grpc.health.v1.Health/Watch": CallClass.HEALTH_WATCH,
}

# The most that a call may take, and what it gets that comes without a deadline.
_USUAL_S = 10.0
_LONG = frozenset(
    {
        # The first look of a large shop takes minutes. One computation serves all who wait for it.
        "/fairlift.v1.ResultsService/GetResults",
        "/fairlift.v1.ResultsService/GetHealth",
        # It waits behind them.
        "/fairlift.v1.ResultsService/ListLooks",
        # It reads through the whole database.
        "/fairlift.v1.AdminService/EraseUnit",
    }
)


def class_of(method: str) -> CallClass:
    """Of a method, such as /fairlift.v1.EventService/RecordEvents."""
    known = _CLASSES.get(method)
    if known is not None:
        return known
    is_results = method.startswith("/fairlift.v1.ResultsService/")
    return CallClass.RESULTS if is_results else CallClass.ADMIN


def is_long(method: str) -> bool:
    """Whether calls of a method may take minutes."""
    return method in _LONG


def longest_s(method: str) -> float:
    """How long one call of a method, which is not a stream, may take."""
    return LONGEST_CALL_S if is_long(method) else _USUAL_S
