"""Who is who: the person behind a visitor, from the links that the shop sent."""

from typing import Any, TypeAlias

import ibis
from ibis import _

# Ibis is published without types.
Table: TypeAlias = Any

# Each step doubles how far a chain is followed, so chains of 32 links are followed to their end.
_DOUBLINGS = 5


def owners(links: Table) -> Table:
    """One row per linked id: `visitor`, and the `person` at the end of its chain of links.

    A device that several people use belongs to the first of them, by the time of the link and
    then by id. Ids that lead in a circle are one person, named by the smallest id.
    """
    first = links.group_by("visitor").aggregate(
        customer=links.customer.argmin(ibis.struct({"time": links.time_us, "id": links.customer}))
    )
    # Few customers are linked on to others: only theirs are chains.
    customers = first.select(linked=first.customer).distinct()
    ends = _ends(first.semi_join(customers, first.visitor == customers.linked).mutate())
    joined = first.left_join(ends, first.customer == ends.visitor)
    return joined.select(
        visitor=first.visitor, person=ibis.coalesce(ends.person, first.customer)
    ).mutate()


def _ends(chained: Table) -> Table:
    """The end of each chain; in a circle, its smallest id."""
    hops = chained.select("visitor", reached=_.customer, smallest=ibis.least(_.visitor, _.customer))
    for _step in range(_DOUBLINGS):
        onward = hops.view()
        joined = hops.left_join(onward, hops.reached == onward.visitor)
        hops = joined.select(
            visitor=hops.visitor,
            reached=ibis.coalesce(onward.reached, hops.reached),
            smallest=ibis.least(hops.smallest, ibis.coalesce(onward.smallest, hops.smallest)),
        ).mutate()
    # Whoever is still linked on after so many steps is in a circle.
    circle = hops.view()
    joined = hops.left_join(circle, hops.reached == circle.visitor)
    return joined.select(visitor=hops.visitor, person=ibis.coalesce(circle.smallest, hops.reached))
