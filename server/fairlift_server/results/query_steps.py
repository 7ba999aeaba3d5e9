"""Work that asks the ledger as it goes: who answers may answer many at once."""

from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias, TypeVar

from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery

T = TypeVar("T")

Ask: TypeAlias = Callable[[Sequence[LedgerQuery]], list[LedgerAnswer]]
# By query also an earlier answer, which lacks newer events; None: there is none.
AskAgain: TypeAlias = Callable[
    [Sequence[LedgerQuery], Sequence[LedgerAnswer | None]], list[LedgerAnswer]
]
# Yields queries, is sent their answers, and returns what was wanted.
QuerySteps: TypeAlias = Generator[Sequence[LedgerQuery], Sequence[LedgerAnswer], T]


def answered(ask: Ask, steps: QuerySteps[T]) -> T:
    """What the work returns."""
    try:
        queries = next(steps)
        while True:
            queries = steps.send(ask(queries))
    except StopIteration as end:
        result: T = end.value
        return result
