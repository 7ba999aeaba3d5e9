"""Shops whose visitors, orders and tickets are drawn day by day, as histories of campaigns."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from fairlift_stats.data.summary import Pair, Summary, Triple
from fairlift_stats.methods.quantiles import Quantiles
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Mean of a ticket in the control.
TICKET: Final = 50.0
# What the metrics of orders and money need besides sums.
_PRODUCTS: Final[tuple[Pair, ...]] = (
    ("buyers", "buyers"), ("buyers", "orders"), ("buyers", "revenue"),
    ("orders", "orders"), ("orders", "revenue"), ("revenue", "revenue"),
)  # fmt: skip
_THIRDS: Final[tuple[Triple, ...]] = (
    ("orders", "orders", "orders"), ("orders", "orders", "revenue"),
    ("orders", "revenue", "revenue"), ("revenue", "revenue", "revenue"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ByEntryDay:
    """A history whose units' numbers are final `window_days` after they entered.

    Attributes:
        units: (arms, days) that entered until each day.
        sums, products, thirds: (arms, days) sums over them.
        buyers: (arms, days) of them who bought within a day.
        window_days: how long a unit waits before it counts.
    """

    units: Counts
    sums: Mapping[str, NDArray[np.generic]]
    products: Mapping[Pair, NDArray[np.generic]]
    thirds: Mapping[Triple, NDArray[np.generic]]
    buyers: Counts
    window_days: int

    @classmethod
    def of(
        cls,
        units: Counts,
        sums: Mapping[str, NDArray[np.generic]],
        products: Mapping[Pair, NDArray[np.generic]],
        thirds: Mapping[Triple, NDArray[np.generic]] | None = None,
        *,
        window_days: int = 0,
        buyers_in_a_day: Counts | None = None,
    ) -> "ByEntryDay":
        """The history of what was drawn for each day: (arms, days) each."""
        first = sums["buyers"] if buyers_in_a_day is None else buyers_in_a_day
        return cls(
            units.cumsum(axis=1),
            {name: np.cumsum(values, axis=1) for name, values in sums.items()},
            {pair: np.cumsum(values, axis=1) for pair, values in products.items()},
            {triple: np.cumsum(values, axis=1) for triple, values in (thirds or {}).items()},
            np.cumsum(first, axis=1).astype(np.int64),
            window_days,
        )

    def counted(self, day: int) -> Sequence[Summary]:
        """Sums over the units that entered a window ago or earlier."""
        last = min(day - self.window_days, self.units.shape[1]) - 1
        return [self._summary(arm, last) for arm in range(len(self.units))]

    def quantiles(self, _day: int) -> Sequence[Quantiles]:
        """None."""
        return [{}] * len(self.units)

    def entered(self, day: int) -> Sequence[int]:
        """Units that entered by the end of this day."""
        return [int(n) for n in self.units[:, min(day, self.units.shape[1]) - 1]]

    def first_days(self, day: int) -> Sequence[tuple[int, int]]:
        """Buyers within a day, and the units that had a day."""
        last = min(day - 1, self.units.shape[1]) - 1
        if last < 0:
            return [(0, 0)] * len(self.units)
        return [(int(self.buyers[arm, last]), int(n)) for arm, n in enumerate(self.units[:, last])]

    def _summary(self, arm: int, last: int) -> Summary:
        if last < 0:
            nothing = dict.fromkeys(self.sums, 0)
            return Summary.from_sums(0, nothing, dict.fromkeys(self.products, 0))
        return Summary.from_sums(
            int(self.units[arm, last]),
            {name: values[arm, last] for name, values in self.sums.items()},
            {pair: values[arm, last] for pair, values in self.products.items()},
            {triple: values[arm, last] for triple, values in self.thirds.items()},
        )


@dataclass(frozen=True, slots=True)
class Shop:
    """Conversion and tickets by day of entry, steady or with a rhythm of the week.

    Attributes:
        rate: of the control.
        lifts: of conversion in each treatment, by weekday, Monday first.
        a_day: units that enter each arm on a day, the control first.
        days: of entry.
        ticket_lifts: of the mean ticket in each treatment; none when empty.
        sigma: of the logarithm of a buyer's ticket.
        again: orders of a buyer after the first, on average.
        cap: amount at which the revenue of a unit is cut.
        window_days: how long a unit waits before it counts; who buys, buys at once.
    """

    rate: float
    lifts: tuple[tuple[float, ...], ...]
    a_day: tuple[int, ...]
    days: int = 28
    ticket_lifts: tuple[float, ...] = ()
    sigma: float = 1.0
    again: float = 0.2
    cap: float = math.inf
    window_days: int = 0

    @classmethod
    def steady(cls, rate: float, *lifts: float, a_day: int, **fields: object) -> "Shop":
        """The same lift on every day, and as many units in each arm."""
        each_day = tuple((lift,) * 7 for lift in lifts)
        return cls(rate, each_day, (a_day,) * (1 + len(lifts)), **fields)  # type: ignore[arg-type]  # by name

    @property
    def entered(self) -> Counts:
        """(arms, days) units that enter."""
        return np.repeat(np.array(self.a_day)[:, None], self.days, axis=1)

    def conversions(self, rng: np.random.Generator) -> ByEntryDay:
        """A campaign that counts buyers."""
        entered = self.entered
        buyers = self._buyers(rng, entered)
        return ByEntryDay.of(
            entered,
            {"buyers": buyers},
            {("buyers", "buyers"): buyers},
            window_days=self.window_days,
        )

    def orders(self, rng: np.random.Generator) -> ByEntryDay:
        """A campaign that counts buyers, their orders and their revenue."""
        entered = self.entered
        buyers = self._buyers(rng, entered)
        cell = np.repeat(np.arange(buyers.size), buyers.ravel())
        orders = 1 + rng.poisson(self.again, cell.size)
        lifts = np.array((0.0, *(self.ticket_lifts or (0.0,) * len(self.lifts))))
        mean = TICKET * (1 + lifts[cell // self.days])
        ticket = mean * rng.lognormal(-(self.sigma**2) / 2, self.sigma, cell.size)
        columns = {
            "buyers": np.ones(cell.size),
            "orders": orders.astype(np.float64),
            "revenue": np.minimum(orders * ticket, self.cap),
        }

        def summed(*names: str) -> Floats:
            values = np.ones(cell.size)
            for name in names:
                values = values * columns[name]
            return np.bincount(cell, values, buyers.size).astype(np.float64).reshape(buyers.shape)

        return ByEntryDay.of(
            entered,
            {name: summed(name) for name in columns},
            {pair: summed(*pair) for pair in _PRODUCTS},
            {triple: summed(*triple) for triple in _THIRDS},
            window_days=self.window_days,
        )

    def cap_at(self, level: float) -> float:
        """The amount that this share of buyers without a second order stays below."""
        return float(TICKET * math.exp(-(self.sigma**2) / 2 + self.sigma * ndtri(level)))

    def _buyers(self, rng: np.random.Generator, entered: Counts) -> Counts:
        weekday = np.arange(self.days) % 7
        lifts = np.array([(0.0,) * 7, *self.lifts])[:, weekday]
        return rng.binomial(entered, self.rate * (1 + lifts))
