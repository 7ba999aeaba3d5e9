"""Labels of segments that the exposures do not bring: what is known of their customers.

The persons are worked out by then, with their first exposures. So a query that names no
segments pays nothing for this, and one that does reads the attributes once.
"""

from typing import Final

import ibis

from fairlift_server.analysis.ledger_query import NEW_OR_RETURNING
from fairlift_server.analysis.query_tables import ALWAYS_US, query_table
from fairlift_server.analysis.segment_labels import label_columns
from fairlift_server.analysis.untyped import Table

NEW: Final = "new"
RETURNING: Final = "returning"


def person_labels(attributes: Table, ids: Table, number: int, bought_before: Table | None) -> Table:
    """One row per person of whom something was known at the first exposure.

    The newest label of each name holds; of several of one moment the one that sorts last.

    Args:
        attributes: of the ledger.
        ids: of persons.
        number: of segments that a query names.
        bought_before: as `returning_persons` gives them; None: no query asks who is returning.
    """
    named = query_table("query_segments").rename(number="query_id", segment="name")
    theirs = attributes.join(ids.drop("variant"), attributes.unit == ids.unit).mutate()
    joined = theirs.join(
        named, [theirs.query_id == named.number, theirs.name == named.segment]
    ).mutate()
    known = joined.filter(joined.time_us <= joined.first_us)
    known = known.select("query_id", "person", "place", "time_us", "label").mutate()
    if bought_before is not None:
        known = ibis.union(known, bought_before.select(*known.columns), distinct=False)
    newest = ibis.struct({"time_us": known.time_us, "label": known.label})
    return known.group_by(["query_id", "person"]).aggregate(
        **{
            column: known.label.argmax(newest, where=known.place == place)
            for place, column in enumerate(label_columns(range(number)))
        }
    )


def returning_persons(orders: Table) -> Table:
    """Persons who had ordered before their first exposure, for the segment that asks for it.

    Args:
        orders: of the persons, those that count.
    """
    before = orders.filter(orders.time_us < orders.first_us).select("query_id", "person").distinct()
    named = query_table("query_segments").rename(number="query_id", segment="name")
    joined = before.join(named, before.query_id == named.number).mutate()
    return joined.filter(joined.segment == NEW_OR_RETURNING).select(
        "query_id",
        "person",
        "place",
        # Whatever a file says of the person holds.
        time_us=ibis.literal(ALWAYS_US, "int64"),
        label=ibis.literal(RETURNING),
    )
