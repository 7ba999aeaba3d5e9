"""Sentences and numbers in the reader's language."""

import math
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from babel.dates import format_skeleton
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift_stats.locale import figure_text, text
from fairlift_stats.messages import (
    Amount,
    Figure,
    Message,
    MetricName,
    Names,
    Number,
    Percent,
    Points,
    UnitWord,
    VariantName,
    Verbatim,
)
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_cli.local_time import local_time

MICROS = 1_000_000
NO_VALUE = "–"
# Nothing is wrong: there are only too few days, buyers or orders so far.
_TOO_EARLY = (pb.VERDICT_CAUSE_DAYS, pb.VERDICT_CAUSE_FEW)


@dataclass(frozen=True, slots=True)
class Figures:
    """Formats sentences, numbers and times for one language, as one campaign has them.

    Attributes:
        language: en, es or ro.
        currency: of amounts.
        names: of the campaign's variants and metrics.
        time_zone: of the campaign's days; times are shown in it.
    """

    language: str
    currency: str = ""
    names: Names = field(default_factory=Names)
    time_zone: str = "UTC"

    def say(self, key: str, /, *, by: str | None = None, **places: Figure | str) -> str:
        """A sentence of the catalogue; the place `by` decides singular or plural."""
        figures = tuple(
            (name, Verbatim(figure) if isinstance(figure, str) else figure)
            for name, figure in sorted(places.items())
        )
        return self.tell(Message(key, figures, by))

    def tell(self, message: Message) -> str:
        """The message as a sentence."""
        return text(message, self.language, self.names)

    def share(self, value: float, digits: int = 1) -> str:
        """0.041 as 4.1 %."""
        return figure_text(Percent(value, digits), self.language)

    def confidence(self, value: float) -> str:
        """0.95 as 95 %, and 0.975 as 97.5 %: rounded, it would be another level."""
        is_whole = math.isclose(100 * value, round(100 * value))
        return self.share(value, 0 if is_whole else 1)

    def lift(self, value: float, digits: int = 1) -> str:
        """0.041 as +4.1 %; no change has no sign."""
        if math.isinf(value):
            return "+∞" if value > 0 else "-∞"
        # A tiny fall would read as "-0.0 %".
        is_zero = abs(value) < 0.5 * 10 ** -(digits + 2)
        rounded = Percent(0.0 if is_zero else value, digits, signed=not is_zero)
        return figure_text(rounded, self.language)

    def chance(self, value: float) -> str:
        """A probability; never rounded to 0 or 100 %."""
        if value < 0.001 or value > 0.999:
            bound = figure_text(Percent(0.999 if value > 0.5 else 0.001, 1), self.language)
            return f">{bound}" if value > 0.5 else f"<{bound}"
        digits = 1 if value < 0.01 or value > 0.99 else 0
        return figure_text(Percent(value, digits), self.language)

    def count(self, value: float) -> str:
        """A whole number."""
        return figure_text(Number(value), self.language)

    def number(self, value: float, digits: int) -> str:
        """A number with so many decimals."""
        return figure_text(Number(value, digits), self.language)

    def money(self, value: float) -> str:
        """Money in the currency's unit."""
        return figure_text(Amount(value, self.currency), self.language)

    def signed_money(self, value: float) -> str:
        """A difference of money in the currency's unit."""
        return figure_text(Amount(value, self.currency, signed=True), self.language)

    def micros(self, value: int) -> str:
        """Money, from micros."""
        return self.money(value / MICROS)

    def value(self, value: float, quantity: value_pb2.Quantity.ValueType) -> str:
        """A metric's value, formatted by its quantity."""
        match quantity:
            case value_pb2.QUANTITY_SHARE:
                return self.share(value, 2)
            case value_pb2.QUANTITY_MONEY if self.currency:
                return self.money(value)
        return self.number(value, 2)

    def difference(
        self,
        value: float,
        quantity: value_pb2.Quantity.ValueType,
        *,
        signed: bool = True,
    ) -> str:
        """A difference of two values of a metric: of shares in percentage points."""
        if math.isinf(value):
            return "+∞" if value > 0 else "-∞"
        match quantity:
            case value_pb2.QUANTITY_SHARE:
                return figure_text(Points(value, signed=signed), self.language)
            case value_pb2.QUANTITY_MONEY if self.currency:
                return figure_text(Amount(value, self.currency, signed=signed), self.language)
        return figure_text(Number(value, 2, signed=signed), self.language)

    def difference_interval(
        self, interval: value_pb2.Interval, quantity: value_pb2.Quantity.ValueType
    ) -> str:
        """An interval of differences; an absent end is unbounded."""
        lower = interval.lower if interval.HasField("lower") else -math.inf
        upper = interval.upper if interval.HasField("upper") else math.inf
        return f"{self.difference(lower, quantity)} … {self.difference(upper, quantity)}"

    def interval(self, interval: value_pb2.Interval) -> str:
        """An interval of lifts; an absent end is unbounded."""
        lower = self.lift(interval.lower if interval.HasField("lower") else -math.inf)
        upper = self.lift(interval.upper if interval.HasField("upper") else math.inf)
        return f"{lower} … {upper}"

    def variant_name(self, variant: str) -> str:
        """The variant's display name, or its id."""
        return figure_text(VariantName(variant), self.language, self.names)

    def metric_name(self, metric: str) -> str:
        """The metric's display name, or its name in the language."""
        return figure_text(MetricName(metric), self.language, self.names)

    def metric(self, result: pb.MetricResult) -> str:
        """A metric's name, beginning with a capital."""
        return capital(result.display_name or self.metric_name(result.metric))

    def verdict_kind(
        self,
        kind: pb.VerdictKind.ValueType,
        cause: pb.VerdictCause.ValueType = pb.VERDICT_CAUSE_UNSPECIFIED,
    ) -> str:
        """The kind in a word or two; a campaign that was stopped does not keep going."""
        if kind == pb.VERDICT_KIND_KEEP_GOING and cause == pb.VERDICT_CAUSE_STOPPED:
            return self.say("kind.undecided")
        if is_too_early(kind, cause):
            return self.say("kind.too_early")
        name = pb.VerdictKind.Name(kind).removeprefix("VERDICT_KIND_").lower()
        return self.say(f"kind.{name}")

    def day_ended(self, end: Timestamp) -> str:
        """The day that ends at this moment, in the campaign's time zone."""
        return self._day(self._local(end) - timedelta(microseconds=1))

    def calendar_day(self, iso: str) -> str:
        """A day in ISO 8601; one that is no date as it is."""
        try:
            day = date.fromisoformat(iso)
        except ValueError:  # of a newer server
            return iso
        return _written_day(day, self.language)

    def moment(self, time: Timestamp) -> str:
        """A time in the campaign's time zone, to the minute."""
        local = self._local(time)
        hour = format_skeleton("Hm", local, locale=self.language)
        return f"{self._day(local)}, {hour} {self.time_zone or 'UTC'}"

    def _local(self, time: Timestamp) -> datetime:
        return local_time(time, self.time_zone)

    def _day(self, local: datetime) -> str:
        return _written_day(local.date(), self.language)


@lru_cache(maxsize=1_024)
def _written_day(day: date, language: str) -> str:
    """A day with its year; a page writes the same ones for each question."""
    return str(format_skeleton("yMMMd", day, locale=language))


def capital(name: str) -> str:
    """The name with a capital first letter."""
    return name[:1].upper() + name[1:]


def unit_of(kind: value_pb2.UnitKind.ValueType) -> UnitWord:
    """The word for the campaign's unit; visitor by default."""
    return "customer" if kind == value_pb2.UNIT_KIND_CUSTOMER else "visitor"


def is_too_early(kind: "pb.VerdictKind.ValueType", cause: "pb.VerdictCause.ValueType") -> bool:
    """Whether a verdict blames no fault of the data: the campaign is merely young."""
    has_nobody = kind == pb.VERDICT_KIND_KEEP_GOING and cause == pb.VERDICT_CAUSE_NO_UNITS
    return has_nobody or (kind == pb.VERDICT_KIND_DO_NOT_TRUST and cause in _TOO_EARLY)
