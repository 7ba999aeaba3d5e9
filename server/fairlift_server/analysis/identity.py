"""Who is who: the person behind a visitor, from the links that the shop sent."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import ibis

from fairlift_server.analysis.untyped import Table

# Keeps the rows of a step under a name, so that the next ones do not work it out again.
Keep: TypeAlias = Callable[[str, Callable[[], Table]], Table]

# Each step doubles how far a chain is followed, so chains of 32 links are followed to their end.
_DOUBLINGS = 5


def owners(links: Table, queries: Table, keep: Keep) -> Table:
    """One row per query and linked id: the `visitor`, and the `person` at the end of its chain.

    A device that several people use belongs to the first of them, by the time of the link and
    then by id. Ids that lead in a circle are one person, named by the smallest id.

    Args:
        links: of the ledger.
        queries: those that follow them, each with the moment until which it does.
        keep: keeps the steps.
    """
    first = keep("links", lambda: _first_links(links, queries))
    hops = keep("hops", lambda: _chained(first))
    for step in range(_DOUBLINGS):
        hops = keep(f"hops{step}", partial(_doubled, hops))
    return keep("owner", lambda: _with_ends(first, hops))


def _first_links(links: Table, queries: Table) -> Table:
    """Whose each id is, of the first link that says so."""
    known = links.cross_join(queries.filter(queries.follows_links).select("query_id", "end_us"))
    known = known.filter(known.time_us < known.end_us).mutate()
    return known.group_by(["query_id", "visitor"]).aggregate(
        customer=known.customer.argmin(ibis.struct({"time": known.time_us, "id": known.customer}))
    )


def _chained(first: Table) -> Table:
    """Links of customers who are linked on to others: they are few, and only theirs are chains."""
    customers = first.select(query_id=first.query_id, visitor=first.customer).distinct()
    chained = first.semi_join(customers, ["query_id", "visitor"]).mutate()
    return chained.select(
        "query_id",
        "visitor",
        reached=chained.customer,
        smallest=ibis.least(chained.visitor, chained.customer),
    )


def _doubled(hops: Table) -> Table:
    """Chains followed twice as far."""
    onward = hops.view()
    joined = hops.left_join(
        onward, [hops.query_id == onward.query_id, hops.reached == onward.visitor]
    )
    return joined.select(
        query_id=hops.query_id,
        visitor=hops.visitor,
        reached=ibis.coalesce(onward.reached, hops.reached),
        smallest=ibis.least(hops.smallest, ibis.coalesce(onward.smallest, hops.smallest)),
    ).mutate()


def _with_ends(first: Table, hops: Table) -> Table:
    """The end of the chain of every id; in a circle, its smallest id."""
    # Whoever is still linked on after so many steps is in a circle.
    circle = hops.view()
    joined = hops.left_join(
        circle, [hops.query_id == circle.query_id, hops.reached == circle.visitor]
    )
    ends = joined.select(
        query_id=hops.query_id,
        visitor=hops.visitor,
        person=ibis.coalesce(circle.smallest, hops.reached),
    ).mutate()
    joined = first.left_join(
        ends, [first.query_id == ends.query_id, first.customer == ends.visitor]
    )
    return joined.select(
        query_id=first.query_id,
        visitor=first.visitor,
        person=ibis.coalesce(ends.person, first.customer),
    ).mutate()
