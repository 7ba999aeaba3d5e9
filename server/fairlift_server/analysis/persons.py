"""Who was exposed: one row per query and person, from exposures alone."""

import ibis

from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.measures import count_of, when
from fairlift_server.analysis.query_tables import Traits, query_table
from fairlift_server.analysis.untyped import Table


def counted_exposures(ledger: Ledger, traits: Traits) -> Table:
    """Exposures that may be analysed, however they came in, with the query that they count for."""
    exposures, queries = ledger.exposures, query_table()
    joined = exposures.join(
        queries, [exposures.campaign == queries.campaign, exposures.epoch == queries.epoch]
    )
    at = exposures.time_us
    counted = joined.filter(at >= queries.start_us, at < queries.end_us).select(
        query_id=queries.query_id,
        unit=exposures.unit,
        time_us=at,
        received_us=exposures.received_us,
        variant=exposures.variant,
        segments=ibis.coalesce(exposures.segments, ""),
        is_late=(at < queries.late_end_us) & (exposures.received_us > queries.late_made_us),
    )
    if traits.pauses:
        counted, pauses = counted.mutate(), query_table("query_pauses")
        counted = counted.anti_join(
            pauses,
            [
                counted.query_id == pauses.query_id,
                counted.time_us >= pauses.pause_start_us,
                counted.time_us < pauses.pause_end_us,
            ],
        )
    if traits.overrides:
        counted, overrides = counted.mutate(), query_table("query_overrides")
        counted = counted.anti_join(
            overrides,
            [counted.query_id == overrides.query_id, counted.unit == overrides.overridden],
        )
    return counted.mutate()


def stays(exposures: Table, owner: Table | None) -> Table:
    """One row per query, person, id, variant and segments: nearly always one per person.

    `linked_unit` is the id where it was linked, else null, which costs nothing to write down.

    Args:
        exposures: that count.
        owner: persons behind visitors; None: each id is a person.
    """
    by_unit = exposures.group_by(["query_id", "unit", "variant", "segments"]).aggregate(
        first_us=exposures.time_us.min(),
        last_us=exposures.time_us.max(),
        received_us=exposures.received_us.max(),
        late_exposures=count_of(exposures.is_late),
        exposures=exposures.count(),
    )
    if owner is None:
        return by_unit.rename(person="unit")
    joined = by_unit.left_join(
        owner, [by_unit.query_id == owner.query_id, by_unit.unit == owner.visitor]
    )
    return joined.select(
        *[by_unit[name] for name in by_unit.columns if name != "unit"],
        person=ibis.coalesce(owner.person, by_unit.unit),
        linked_unit=ibis.ifelse(owner.person.isnull(), ibis.null("string"), by_unit.unit),
    ).mutate()


def changed_persons(stays: Table) -> Table:
    """Persons of whom several stays are known, each as one row; they are few.

    By policy the variants of one id must agree, or those of all ids of a person. `mixed_us` is when
    they first did not. Where times are equal the ids break the tie, then the variants.
    """
    queries, person = query_table(), ["query_id", "person"]
    several = stays.group_by(person).aggregate(number=stays.count())
    several = several.filter(several.number > 1)
    rows = stays.semi_join(several, person).mutate()
    unit = rows.person
    if "linked_unit" in rows.columns:
        unit = ibis.coalesce(rows.linked_unit, rows.person)
    joined = rows.join(queries, rows.query_id == queries.query_id)
    rows = joined.select(
        *[rows[name] for name in rows.columns if name != "linked_unit"],
        unit=unit,
        # The ids that must agree.
        agreeing=ibis.ifelse(queries.excludes, rows.person, unit),
    ).mutate()
    among = ibis.window(group_by=["query_id", "person", "agreeing"])
    rows = rows.mutate(since_us=rows.first_us.min().over(among))
    at_first = when(rows.first_us == rows.since_us, rows.variant)
    rows = rows.mutate(agreed=at_first.min().over(among))
    order = ibis.struct({name: rows[name] for name in ("first_us", "unit", "variant", "segments")})
    return rows.group_by(person).aggregate(
        variant=rows.variant.argmin(order),
        segments=rows.segments.argmin(order),
        first_us=rows.first_us.min(),
        mixed_us=when(rows.variant != rows.agreed, rows.first_us).min(),
        last_us=rows.last_us.max(),
        received_us=rows.received_us.max(),
        late_exposures=rows.late_exposures.sum(),
        exposures=rows.exposures.sum(),
    )


def all_persons(stays: Table, changed: Table) -> Table:
    """One row per person: variant and segments at the first exposure, and when variants mixed."""
    steady = stays.anti_join(changed, ["query_id", "person"]).mutate(mixed_us=ibis.null("int64"))
    names = changed.columns
    return ibis.union(steady.select(*names), changed.select(*names), distinct=False)


def linked_ids(persons: Table, owner: Table) -> Table:
    """The other ids of persons that were exposed; they are few."""
    # Of ids that lead in a circle one is its own person.
    linked = owner.filter(owner.visitor != owner.person).mutate()
    joined = linked.join(
        persons, [linked.query_id == persons.query_id, linked.person == persons.person]
    )
    return joined.select(
        query_id=persons.query_id,
        person=persons.person,
        first_us=persons.first_us,
        variant=persons.variant,
        unit=linked.visitor,
    ).mutate()


def known_ids(persons: Table, linked: Table | None) -> Table:
    """Each id of each person that was exposed, with what its events are compared with."""
    own = persons.select("query_id", "person", "first_us", "variant", unit=persons.person)
    return own if linked is None else ibis.union(own, linked, distinct=False)
