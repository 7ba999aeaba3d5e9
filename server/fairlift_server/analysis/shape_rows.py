"""The units of queries of one shape, and all that is rolled up from them."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import ibis
from fairlift.engine.metric import ReturnMeasure

from fairlift_server.analysis.capped_segments import (
    LABELS_OF_TEXTS,
    label_columns_of_texts,
    label_combinations,
    label_texts,
    texts_of_exposures,
    with_capped_labels,
)
from fairlift_server.analysis.cells import (
    Addition,
    DayKeys,
    extreme_values,
    open_unit_rows,
    unit_counts,
    unit_sums,
)
from fairlift_server.analysis.columns import UnitColumn, UnitQuantile, measures_behind
from fairlift_server.analysis.customer_labels import (
    NEW,
    person_labels,
    returning_persons,
)
from fairlift_server.analysis.engine import Engine
from fairlift_server.analysis.funnels import funnel_columns, funnel_numbers, step_events
from fairlift_server.analysis.ledger_query import NEW_OR_RETURNING, ColumnGroup, LedgerQuery
from fairlift_server.analysis.order_lines import line_measures, with_line_amounts
from fairlift_server.analysis.person_events import other_events
from fairlift_server.analysis.query_tables import Traits, action_names, query_table
from fairlift_server.analysis.segment_labels import label_columns
from fairlift_server.analysis.shared_rows import Keeper, SharedRows
from fairlift_server.analysis.unit_quantiles import quantile_rows
from fairlift_server.analysis.units import (
    actions_by_person,
    active_units,
    amount_totals,
    events_by_person,
    orders_by_person,
    with_caps,
    with_wide_amounts,
)
from fairlift_server.analysis.untyped import Row, Table

# Doubles add up to a little more or less.
_LARGEST_TOTAL: Final = 2.0**62
# To add up so many takes less than to go through all persons again.
_FEW_ROWS: Final = 2_000
_OF_ANY_EVENT: Final = ("query_id", "person", "first_us", "time_us", "received_us")


@dataclass(frozen=True, slots=True)
class Place:
    """The shape of some queries among all of a call.

    Attributes:
        shape: what their statements depend on.
        number: of the shape.
        is_only: all queries have it.
    """

    shape: LedgerQuery
    number: int
    is_only: bool


class ShapeRows:
    """The units of the queries of one shape: worked out once, and added up in several ways."""

    def __init__(self, engine: Engine, traits: Traits, shared: SharedRows, place: Place) -> None:
        self._engine = engine
        self._shared = shared
        self._place = place
        self._shape = place.shape
        self._traits = traits
        self._counts_by_text: list[Row] | None = None
        self._key: Hashable = (traits, place)
        self._keep = Keeper(engine, self._key).keep
        are_wide = self._are_wide()
        # All that follows is worked out from units.
        self._key = (traits, place, are_wide)
        self._units = self._kept_units(are_wide)
        self._labels = self._kept_labels()
        self._label_combinations = self._read_label_combinations()
        # Whether labels are joined changes the statements that follow.
        self._key = (traits, place, are_wide, bool(self._label_combinations))

    def extremes(self) -> Row:
        """The number of units, and the ends of each column of whole numbers."""
        [row] = self._rows("extremes", lambda: extreme_values(self._units, self._shape.columns))
        return row

    def spans(self) -> Iterator[Row]:
        """By query the first and the last moment of its units."""
        for name, rows in (("persons", self._persons), ("units", self._units)):
            yield from self._rows(("spans", name), partial(_spans, rows))

    def counts(self, keys: DayKeys) -> list[Row]:
        """Units by variant and day; rows may be cut by segment although the keys do not ask for it.

        All keys of a shape have the same days.
        """
        if not keys.segments and self._counts_by_text is not None:
            return self._counts_by_text
        rows = list(
            self._rows(
                ("counts", keys),
                lambda: unit_counts(self._cut(self._persons, keys), keys),
                in_64_bits=True,
            )
        )
        if keys.segments and keys.part is None and len(rows) <= _FEW_ROWS:
            self._counts_by_text = rows
        return rows

    def open_units(self, keys: DayKeys) -> list[Row]:
        """Units whose windows are not all over, by minute."""
        return list(self._rows(("open", keys), lambda: open_unit_rows(self._persons, keys)))

    def sums(self, keys: DayKeys, additions: Iterable[Addition]) -> list[Row]:
        """Sums by variant and day, and by segment if the keys say so."""
        added = tuple(additions)
        return list(
            self._rows(
                ("sums", keys, added),
                lambda: unit_sums(self._cut(self._units, keys), keys, added),
                in_64_bits=True,
            )
        )

    def quantile(self, quantile: UnitQuantile) -> list[Row]:
        """A quantile of each variant."""
        column = self.column(quantile.column)
        return list(
            self._rows(
                ("quantile", quantile),
                lambda: quantile_rows(self._persons, self._units, column, quantile.at),
            )
        )

    def column(self, name: str) -> UnitColumn:
        """A column by its name."""
        return next(column for column in self._shape.columns if column.name == name)

    def _are_wide(self) -> bool:
        """Whether the amounts of a unit might add up to more than 64 bits hold."""
        # Kept before the text of a statement that reads them is looked up.
        orders = self._orders
        [row] = self._rows("amounts", lambda: amount_totals(orders, self._shape.columns))
        return any((total or 0) >= _LARGEST_TOTAL for total in row.values())

    def _kept_units(self, are_wide: bool) -> Table:
        columns, orders, others = self._shape.columns, self._orders, self._others
        if are_wide:
            orders = with_wide_amounts(orders, columns)
        funnels = funnel_columns(columns)
        steps = None
        if funnels:
            steps = self._keep("steps", lambda: step_events(funnels, orders, self._actions, others))

        def units() -> Table:
            parts = [orders_by_person(orders, columns)]
            if self._actions is not None:
                parts.append(actions_by_person(self._actions, columns))
            if others is not None:
                parts.append(events_by_person(others, columns))
            if steps is not None:
                parts.append(funnel_numbers(funnels, steps))
            return with_caps(active_units(self._persons, parts, columns), columns)

        return self._engine.keep("units", (self._key, "units"), units)

    @cached_property
    def _orders(self) -> Table:
        """The orders that count."""
        orders = self._chosen(self._shared.orders)
        counted = orders.filter(~orders.test, ~orders.cancelled).mutate()
        measures = line_measures(self._shape.columns)
        if not measures:
            return counted
        lines, restates = self._engine.ledger.order_lines, self._traits.restates
        return self._keep(
            "orders_with_lines",
            lambda: with_line_amounts(counted, lines, measures, restates=restates),
        )

    @cached_property
    def _actions(self) -> Table | None:
        """The actions that the shape needs."""
        names = action_names(self._shape.columns)
        actions = self._shared.actions
        if actions is None or names == ():
            return None
        if names is not None and names != self._traits.actions:
            actions = actions.filter(actions.name.isin(names))
        return self._chosen(actions)

    @cached_property
    def _others(self) -> Table | None:
        """Everything that a person does, where whoever does anything came back."""
        measures = measures_behind(self._shape.columns)
        if not any(isinstance(m, ReturnMeasure) and not m.bought for m in measures):
            return None
        orders, actions = self._shared.orders, self._shared.actions
        assert actions is not None, "every action counts as a return"

        def others() -> Table:
            # Who cancels an order later came back.
            real = orders.filter(~orders.test)
            elsewhere = other_events(self._engine.ledger, self._shared.ids)
            parts = [
                self._chosen(rows).select(*_OF_ANY_EVENT) for rows in (real, actions, elsewhere)
            ]
            return ibis.union(*parts, distinct=False)

        return self._keep("others", others)

    def _kept_labels(self) -> Table | None:
        names = self._shape.segments
        if not names:
            return None
        attributes = self._engine.ledger.customer_attributes

        def labels() -> Table:
            before = returning_persons(self._orders) if NEW_OR_RETURNING in names else None
            return person_labels(attributes, self._chosen(self._shared.ids), len(names), before)

        return self._keep("labels", labels)

    def _read_label_combinations(self) -> dict[int, float]:
        """By query with labels of persons, how many combinations there may be."""
        labels = self._labels
        if labels is None:
            return {}
        rows = self._rows("label combinations", lambda: label_combinations(labels))
        return {row["query_id"]: row["number"] for row in rows}

    def _cut(self, rows: Table, keys: DayKeys) -> Table:
        """The rows with what the keys cut them by."""
        if not keys.segments:
            return rows
        labelled = self._labelled(rows)
        if keys.part is None:
            return labelled
        return with_capped_labels(labelled, self._shape.segments, keys.part)

    def _labelled(self, rows: Table) -> Table:
        """The rows with what is known of their customers, by segment."""
        labels, names = self._labels, self._shape.segments
        if labels is None:
            return rows
        unknown = {
            column: ibis.literal(NEW if name == NEW_OR_RETURNING else "")
            for column, name in zip(label_columns(names), names, strict=True)
        }
        if not self._label_combinations:
            return rows.mutate(**unknown)
        joined = rows.left_join(
            labels, [rows.query_id == labels.query_id, rows.person == labels.person]
        )
        return joined.select(
            *[rows[name] for name in rows.columns],
            **{column: ibis.coalesce(labels[column], text) for column, text in unknown.items()},
        ).mutate()

    @property
    def segments(self) -> tuple[str, ...]:
        """The places of the attributes that units are cut by."""
        return self._shape.segments

    @property
    def segment_groups(self) -> tuple[ColumnGroup, ...]:
        """What is added up by segment."""
        return self._shape.segment_groups

    def number_of_texts(self) -> float:
        """About how many texts of segments a query has at most."""
        rows = self._rows("texts of exposures", lambda: texts_of_exposures(self._persons))
        numbers = (
            row["number"] * self._label_combinations.get(row["query_id"], 1.0) for row in rows
        )
        return max(numbers, default=0.0)

    def texts(self) -> list[Row]:
        """By query, each text of segments with its number of units; few enough, or all of them."""
        return list(self._rows("texts", lambda: label_texts(self._labelled(self._persons))))

    def put_labels(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes down which labels each text becomes."""
        self._engine.put(LABELS_OF_TEXTS, label_columns_of_texts(self._shape.segments), rows)

    @property
    def _persons(self) -> Table:
        return self._chosen(self._shared.persons)

    def _chosen(self, rows: Table) -> Table:
        """The rows for queries of this shape."""
        if self._place.is_only:
            return rows
        queries = query_table()
        return rows.semi_join(
            queries.filter(queries.shape == self._place.number), "query_id"
        ).mutate()

    def _rows(
        self, key: object, expression: Callable[[], Table], *, in_64_bits: bool = False
    ) -> Iterator[Row]:
        return self._engine.rows((self._key, key), expression, in_64_bits=in_64_bits)


def _spans(rows: Table) -> Table:
    return rows.group_by("query_id").aggregate(
        first=rows.first_us.min(), entry=rows.first_us.max(), last=rows.last_us.max()
    )
