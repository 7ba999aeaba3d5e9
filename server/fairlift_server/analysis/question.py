"""What is asked of the ledger, and what it answers: plain values that travel between processes."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlift.engine.identity import IdentityPolicy
from fairlift_stats.data.summary import Pair, Summary, Triple
from fairlift_stats.methods.quantiles import Quantiles

from fairlift_server.analysis.columns import UnitColumn, UnitQuantile


@dataclass(frozen=True, slots=True)
class Question:
    """Sums per variant over the units of one epoch of a campaign.

    Attributes:
        columns: one number per unit each.
        products, thirds: of columns, to be added up too.
        quantiles: of columns.
        coupons: by variant, the coupon code that its payload gives.
        segment: attribute by whose value at first exposure to cut, too; empty for no cut.
        first_units: only so many units, the first to be exposed; None for all.
    """

    campaign: str
    epoch: int
    identity_policy: IdentityPolicy
    columns: tuple[UnitColumn, ...]
    products: tuple[Pair, ...] = ()
    thirds: tuple[Triple, ...] = ()
    coupons: Mapping[str, str] | None = None
    segment: str = ""
    first_units: int | None = None
    quantiles: tuple[UnitQuantile, ...] = ()

    def empty(self) -> Summary:
        """What a variant without units answers."""
        return Summary.from_sums(
            0,
            {column.name: 0 for column in self.columns},
            dict.fromkeys(self.products, 0),
            dict.fromkeys(self.thirds, 0),
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """Sums and quantiles over the units of one variant, and of one segment where there is a cut.

    Money is in the currency's own unit here; sums of micros were exact before.
    """

    variant: str
    segment: str
    is_contaminated: bool
    summary: Summary
    first_us: int
    last_us: int
    quantiles: Quantiles


@dataclass(frozen=True, slots=True)
class Answer:
    """All cells of a question."""

    cells: tuple[Cell, ...]

    def summaries(self) -> dict[str, Summary]:
        """By variant, the units that met no other one."""
        return {cell.variant: cell.summary for cell in self.cells if not cell.is_contaminated}

    def quantiles(self) -> dict[str, Quantiles]:
        """By variant and metric, of the units that met no other one."""
        return {cell.variant: cell.quantiles for cell in self.cells if not cell.is_contaminated}

    @property
    def contaminated(self) -> dict[str, int]:
        """Units that met several variants, by the one they met first."""
        return {cell.variant: cell.summary.n for cell in self.cells if cell.is_contaminated}

    @property
    def units(self) -> int:
        """Units that are analysed."""
        return sum(cell.summary.n for cell in self.cells if not cell.is_contaminated)

    @property
    def span_us(self) -> tuple[int, int] | None:
        """From the first exposure to the last event of a unit; None without units."""
        if not self.cells:
            return None
        return min(c.first_us for c in self.cells), max(c.last_us for c in self.cells)
