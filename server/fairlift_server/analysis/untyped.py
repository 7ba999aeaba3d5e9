"""What libraries give without types: Ibis's expressions, and the rows of a database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Table: TypeAlias = Any
Value: TypeAlias = Any
Row: TypeAlias = Mapping[str, Any]


def by_query(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Rows by the number of the query that they answer."""
    answers: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        answers[row["query_id"]].append(row)
    return answers
