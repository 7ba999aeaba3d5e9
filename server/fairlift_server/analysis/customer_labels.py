"""Labels of segments that the exposures do not bring: what is known of their customers.

The units are worked out by then, with their persons and first exposures. So a query that names no
segments pays nothing for this, and one that does reads the attributes once.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import ibis
from ibis import _

from fairlift_server.analysis.events import Ledger, Table, cut_at_day, with_person
from fairlift_server.analysis.ledger_query import LedgerQuery


def label_columns(segments: Sequence[str]) -> tuple[str, ...]:
    """The columns with what is known by each segment, in their order."""
    return tuple(f"known_label{number}" for number, _name in enumerate(segments))


def unit_labels(ledger: Ledger, units: Table, query: LedgerQuery) -> Table:
    """One row per unit of which something was known at its first exposure.

    The newest label of each name holds; of several of one moment the one that sorts last.

    Args:
        ledger: its attributes and links.
        units: with `person` and `first_us`.
        query: that names segments.
    """
    until = cut_at_day(ledger, query)
    named = until.customer_attributes.filter(_.name.isin(query.segments))
    owned = with_person(named, until, query).select("person", "time_us", "name", "label")
    joined = owned.join(units.select("person", "first_us"), "person")
    known = joined.filter(joined.time_us <= joined.first_us)
    newest = ibis.struct({"time_us": known.time_us, "label": known.label})
    return known.group_by("person").aggregate(
        **{
            column: known.label.argmax(newest, where=known.name == name)
            for column, name in zip(label_columns(query.segments), query.segments, strict=True)
        }
    )


def segment_text(row: Mapping[str, Any], segments: Sequence[str]) -> str | None:
    """The labels of a row as JSON: of its exposure, and what is known beside; `Any`: its values."""
    known = {
        name: label
        for column, name in zip(label_columns(segments), segments, strict=True)
        if (label := row[column]) is not None
    }
    text: str | None = row["segments"]
    if not known:
        return text
    sent = {name: label for name, label in json.loads(text or "{}").items() if label}
    return json.dumps(known | sent, ensure_ascii=False, sort_keys=True)
