"""What all queries of a call share: each table of the ledger is read once.

Exposures, orders and actions are read apart. What several statements read is kept as a table: the
rows of persons who were exposed, numbered by the query that they are for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import ibis

from fairlift_server.analysis.engine import Engine
from fairlift_server.analysis.identity import owners
from fairlift_server.analysis.job_control import JobControl
from fairlift_server.analysis.person_events import person_actions, person_orders
from fairlift_server.analysis.persons import (
    all_persons,
    changed_persons,
    counted_exposures,
    known_ids,
    linked_ids,
    stays,
)
from fairlift_server.analysis.query_tables import Traits, query_table
from fairlift_server.analysis.restated_orders import RESTATED, RESTATED_COLUMNS
from fairlift_server.analysis.untyped import Table

# Tables that later steps do not read.
_FREED: Final = ("owner",)
# Of a computation that is followed: persons, orders, actions.
SHARED_STEPS: Final = 3


@dataclass(frozen=True)
class KnownPersons:
    """Who was exposed.

    Attributes:
        stays: rows of persons as they were exposed, nearly always one for each.
        changed: persons of whom several stays are known.
        linked: the other ids of persons; None: none are known.
    """

    stays: Table
    changed: Table
    linked: Table | None

    @cached_property
    def persons(self) -> Table:
        """One row per query and person."""
        # To leave those who changed out of the stays takes less than to write all persons down.
        return all_persons(self.stays, self.changed)

    @cached_property
    def ids(self) -> Table:
        """Of the persons, with their first exposure."""
        return known_ids(self.persons, self.linked)


@dataclass(frozen=True)
class SharedRows(KnownPersons):
    """What is known of persons.

    Persons, ids, and actions that one statement reads are expressions, the others kept tables.

    Attributes:
        orders: of the persons, tests and cancelled ones too.
        actions: of the persons, those that some query needs; None: no query needs any.
    """

    orders: Table
    actions: Table | None


class Keeper:
    """Keeps steps as tables of an engine.

    Args:
        engine: that runs them.
        key: of all that the texts of its steps depend on.
    """

    def __init__(self, engine: Engine, key: object) -> None:
        self._engine = engine
        self._key = key

    def keep(self, name: str, expression: Callable[[], Table]) -> Table:
        """The table with what the expression gives."""
        return self._engine.keep(name, (self._key, name), expression)


def shared_rows(engine: Engine, traits: Traits, control: JobControl) -> SharedRows:
    """Reads the ledger for all queries of a call.

    Args:
        engine: that has the ledger and the tables of the queries, restated orders among them.
        traits: of the queries.
        control: is told of SHARED_STEPS steps.
    """
    ledger, keep = engine.ledger, Keeper(engine, traits).keep
    owner = None
    if traits.follows_links:
        owner = owners(ledger.identity_links, query_table(), keep)
    of_stays = keep("stays", lambda: stays(counted_exposures(ledger, traits), owner))
    changed = keep("changed", lambda: changed_persons(of_stays))
    known = unlinked = KnownPersons(of_stays, changed, None)
    if owner is not None:
        linked = keep("linked", lambda: linked_ids(unlinked.persons, owner))
        known = replace(unlinked, linked=linked)
    control.end_step()
    restated = ibis.table(RESTATED_COLUMNS, name=RESTATED)
    orders = keep("orders", lambda: person_orders(ledger, known.ids, traits, restated))
    control.end_step()
    actions = None
    if traits.keeps_actions:
        actions = keep("actions", lambda: person_actions(ledger, known.ids, traits))
    elif traits.actions != ():
        actions = person_actions(ledger, known.ids, traits)
    engine.drop(_FREED)
    control.end_step()
    return SharedRows(known.stays, known.changed, known.linked, orders, actions)
