"""A query of the ledger and its answer: plain values that travel between processes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import CapAtQuantile
from fairlift.engine.plan_lists import SegmentBands
from fairlift_stats.data.summary import Pair, Summary, Triple
from fairlift_stats.methods.quantiles import Quantiles

from fairlift_server.analysis.answer_origin import CopyState, Origin
from fairlift_server.analysis.columns import UnitColumn, UnitQuantile, Window
from fairlift_server.analysis.entry_rules import ENTRY_OF_ALL, EntryRules
from fairlift_server.analysis.ledger_cell import LedgerCell, UnitSums, added_up
from fairlift_server.analysis.ledger_facts import NO_FACTS, LedgerFacts

# A segment that the ledger tells where the storefront does not.
NEW_OR_RETURNING: Final = "new_or_returning"


@dataclass(frozen=True, slots=True)
class ColumnGroup:
    """Columns that are added up over the same units: those for which all of them are final.

    Attributes:
        maturity: the longest of the columns' windows.
        products, thirds: of columns, to be added up too.
    """

    maturity: Window
    columns: tuple[str, ...]
    products: tuple[Pair, ...] = ()
    thirds: tuple[Triple, ...] = ()

    @property
    def totals(self) -> tuple[str | Pair | Triple, ...]:
        """What is added up: columns, products and thirds."""
        return (*self.columns, *self.products, *self.thirds)

    def summary(self, sums: UnitSums) -> Summary:
        """The sums as a summary of the columns."""
        known = dict(zip(self.totals, sums.totals, strict=True))
        return Summary.from_sums(
            sums.units,
            {name: known[name] for name in self.columns},
            {pair: known[pair] for pair in self.products},
            {triple: known[triple] for triple in self.thirds},
        )

    @property
    def nothing(self) -> UnitSums:
        """The sums over no units."""
        return UnitSums(0, (0,) * len(self.totals))

    def empty(self) -> Summary:
        """The summary of no units."""
        return self.summary(self.nothing)


@dataclass(frozen=True, slots=True)
class Lateness:
    """What came in after a look was made, and happened before the end of its day."""

    end_us: int
    made_us: int


@dataclass(frozen=True, slots=True)
class LiveQuestion:
    """Counts of all of the ledger beside the sums, as of now.

    Attributes:
        now_us: units whose window was over by the last full minute are counted as mature.
        window: of the orders that are counted by day and by coupon.
        late: which events count as late; None before the first look.
    """

    now_us: int
    window: Window
    late: Lateness | None = None


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """Sums over the units of one epoch of a campaign, by variant and day.

    Attributes:
        time_zone: of the days.
        columns: one number per unit each.
        groups: what is added up, one group for each length of window.
        segment_groups: what is added up by segment, too.
        segments: attributes by which it is cut: what an exposure does not say of one is looked for
            in what is known of its customer.
        bands: of numeric segments.
        quantiles: of columns.
        coupons: variants, each with the coupon code that its payload gives.
        as_of_day: leaves out what happened after this day; None takes everything.
        live: what is counted beside the sums when everything is taken.
        entry: which exposures count.
    """

    campaign: str
    epoch: int
    identity_policy: IdentityPolicy
    time_zone: str
    columns: tuple[UnitColumn, ...]
    groups: tuple[ColumnGroup, ...]
    segment_groups: tuple[ColumnGroup, ...] = ()
    quantiles: tuple[UnitQuantile, ...] = ()
    coupons: tuple[tuple[str, str], ...] = ()
    as_of_day: int | None = None
    live: LiveQuestion | None = None
    entry: EntryRules = ENTRY_OF_ALL
    segments: tuple[str, ...] = ()
    bands: tuple[SegmentBands, ...] = ()

    @property
    def late(self) -> Lateness | None:
        """Which events count as late."""
        return None if self.live is None else self.live.late

    @property
    def serves_many_days(self) -> bool:
        """Whether one answer holds for every day: no number of a unit changes once it counts.

        Quantiles, and caps by them, are worked out from all units of a day; a window without an
        end goes on.
        """
        return not self.quantiles and not any(
            isinstance(column.cap, CapAtQuantile)
            or (column.window is None and column.maturity is None and not column.before_days)
            for column in self.columns
        )


@dataclass(frozen=True, slots=True)
class EntryCount:
    """Units of one variant that were first exposed on one day.

    Attributes:
        mixed_day: the day on which they met another variant; None if they did not.
        first_us, last_entry_us: the first and the last of their first exposures.
        last_us, received_us: the last of their events, by its time and by when it came in.
        late_orders, late_exposures, late_actions: of the query's lateness.
        mature: by window, the units for which it is over now; only where the query asks of now.
    """

    variant: str
    entry_day: int
    mixed_day: int | None
    units: int
    first_us: int
    last_entry_us: int
    last_us: int
    received_us: int
    late_orders: int
    late_exposures: int
    late_actions: int
    mature: Mapping[Window, int]


@dataclass(frozen=True, slots=True)
class OpenUnits:
    """Units of one entry count that came within one minute and had an open window.

    Attributes:
        until_us: the end of that minute.
    """

    variant: str
    entry_day: int
    mixed_day: int | None
    until_us: int
    units: int


@dataclass(frozen=True, slots=True)
class OrderCount:
    """Orders of one variant's units on one day; the day is the order's own."""

    variant: str
    day: int
    orders: int
    revenue_micros: int


@dataclass(frozen=True, slots=True)
class CouponCount:
    """Orders of one variant's units that used one coupon, and the discount on them."""

    variant: str
    coupon: str
    orders: int
    discount_micros: int


@dataclass(frozen=True, slots=True)
class LateCounts:
    """Events that came in after a look was made, and happened before the end of its day."""

    exposures: int = 0
    orders: int = 0
    amendments: int = 0
    actions: int = 0


@dataclass(frozen=True, slots=True)
class LedgerSample:
    """What is known at the end of a day. Money is in the currency's own unit.

    Attributes:
        entered: by variant, units that were exposed and met one variant only.
        contaminated: units that met several variants, by the one they met first.
        summaries: by window and variant, units for which the window is over.
        quantiles: by variant and metric.
    """

    entered: Mapping[str, int]
    contaminated: Mapping[str, int]
    summaries: Mapping[Window, Mapping[str, Summary]]
    quantiles: Mapping[str, Quantiles]


@dataclass(frozen=True)
class LedgerAnswer:
    """Everything by day: the sample of a day is a sum over the days up to it.

    Attributes:
        last_restated_us: the time of the newest event that says something of past events: a refund
            or cancellation of an order, or the link of an identity; None where there is none.
        orders, coupons: what the query's live question asks for; empty without one.
        late_amendments: of the query's lateness.
        facts: of the units of a live query.
        segments_are_capped: the segments had so many labels that only the largest are told apart.
        open_units: units whose windows were not all over when a live query was answered.
        origin: what was read for it.
        state: of the copy that it was worked out from; None: new events cannot be folded in.
        folds: how often new events were folded in since every event was read.
    """

    query: LedgerQuery
    entries: tuple[EntryCount, ...]
    cells: tuple[LedgerCell, ...]
    segment_cells: tuple[LedgerCell, ...]
    quantiles: Mapping[str, Quantiles]
    last_restated_us: int | None = None
    orders: tuple[OrderCount, ...] = ()
    coupons: tuple[CouponCount, ...] = ()
    late_amendments: int = 0
    segments_are_capped: bool = False
    facts: LedgerFacts = NO_FACTS
    open_units: tuple[OpenUnits, ...] = ()
    origin: Origin = Origin.READ
    state: CopyState | None = None
    folds: int = 0

    @property
    def late(self) -> LateCounts:
        """What came too late for the newest look."""
        return LateCounts(
            exposures=sum(entry.late_exposures for entry in self.entries),
            orders=sum(entry.late_orders for entry in self.entries),
            amendments=self.late_amendments,
            actions=sum(entry.late_actions for entry in self.entries),
        )

    def mature(self, window: Window) -> dict[str, int]:
        """By variant, the units that met one variant only and whose window is over now."""
        units: dict[str, int] = {}
        for entry in self.entries:
            if entry.mixed_day is None:
                units[entry.variant] = units.get(entry.variant, 0) + entry.mature[window]
        return units

    def holds_for(self, end_us: int) -> bool:
        """Whether the sample of a day that ended then is what a query as of that day would give.

        A link that came later says of past events whose they were, and a refund what they were
        worth.
        """
        is_known = self.last_restated_us is None or self.last_restated_us < end_us
        # Which labels are the largest changes from day to day.
        return self.query.serves_many_days and is_known and not self.segments_are_capped

    def sample(
        self, day: int | None, last_entries: Mapping[Window, int] | None = None
    ) -> LedgerSample:
        """The sample at the end of a day; of None everybody, whether mature or not.

        Args:
            day: in the query's time zone.
            last_entries: by window, the last day of entry that counts; all count where it is None.
        """
        if day is None and last_entries is None:
            return self._everybody
        return self._sample(day, last_entries or {})

    @cached_property
    def _everybody(self) -> LedgerSample:
        return self._sample(None, {})

    def _sample(self, day: int | None, last_entries: Mapping[Window, int]) -> LedgerSample:
        entries = [e for e in self.entries if day is None or e.entry_day <= day]
        mixed = [
            e for e in entries if e.mixed_day is not None and (day is None or e.mixed_day <= day)
        ]
        return LedgerSample(
            entered=_units_by_variant(entry for entry in entries if entry not in mixed),
            contaminated=_units_by_variant(mixed),
            summaries={
                group.maturity: self._by_variant(
                    group,
                    (
                        cell
                        for cell in self.cells
                        if cell.maturity == group.maturity
                        and cell.counts_on(day, last_entries.get(group.maturity))
                    ),
                )
                for group in self.query.groups
            },
            quantiles=self.quantiles,
        )

    def segment_sums(
        self, day: int | None, group: ColumnGroup, last_entry: int | None = None
    ) -> dict[tuple[str, str], UnitSums]:
        """By the segments' text and the variant, the sums in the sample of a day.

        Args:
            day: of the sample; None takes everybody.
            group: whose columns are added up; each group has all units.
            last_entry: the last day of entry that counts.
        """
        return added_up(
            ((cell.segments or "", cell.variant), cell.sums)
            for cell in self.segment_cells
            if cell.maturity == group.maturity and cell.counts_on(day, last_entry)
        )

    def summary(self, group: ColumnGroup, sums: UnitSums) -> Summary:
        """The summary of some units; money is in the currency's own unit."""
        summary, units = group.summary(sums), self._units_of_columns
        return summary.scaled({name: units[name] for name in summary.columns if name in units})

    @cached_property
    def _units_of_columns(self) -> dict[str, float]:
        """By column the unit that its numbers are in, where it is not 1."""
        return {column.name: column.unit for column in self.query.columns if column.unit != 1.0}

    def _by_variant(self, group: ColumnGroup, cells: Iterable[LedgerCell]) -> dict[str, Summary]:
        sums = added_up((cell.variant, cell.sums) for cell in cells)
        return {variant: self.summary(group, sums[variant]) for variant in sorted(sums)}


def _units_by_variant(entries: Iterable[EntryCount]) -> dict[str, int]:
    units: dict[str, int] = {}
    for entry in entries:
        units[entry.variant] = units.get(entry.variant, 0) + entry.units
    return units
