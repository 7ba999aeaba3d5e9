"""Errors of the statistics, one class per situation, in one tree.

StatisticsError
├── BadSummary        numbers that cannot come from data (NaN, negative variance, counts above n)
├── TooFewUnits       a group has fewer units than the method needs
├── BadFrame          a frame that cannot be analysed as it is (missing values, repeated units)
├── BadQuestion       an argument outside what the method accepts (confidence 95, power 2)
├── MissingColumn     a metric needs a column that the summary lacks
├── UnknownVariant    a variant or the control is not among the summaries
└── NoEstimate        the data have no finite estimate (a control mean near zero, no events)
"""

__all__ = [
    "BadFrame",
    "BadQuestion",
    "BadSummary",
    "MissingColumn",
    "NoEstimate",
    "StatisticsError",
    "TooFewUnits",
    "UnknownVariant",
]


class StatisticsError(ValueError):
    """Any refusal of the statistics."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message: some errors compose it from other arguments."""
        return _restored, (type(self), self.args), vars(self)


class BadSummary(StatisticsError):
    """The numbers cannot come from data: NaN, a negative variance, more successes than units."""


class TooFewUnits(StatisticsError):
    """A group has fewer units than the method needs."""


class BadFrame(StatisticsError):
    """A frame cannot be analysed as it is: missing values, text, units with several rows."""


class BadQuestion(StatisticsError):
    """An argument is outside what the method accepts."""


class MissingColumn(StatisticsError):
    """A metric needs a column, or a product of columns, that the summary lacks."""


class UnknownVariant(StatisticsError):
    """A variant that the analysis names is not among the summaries."""


class NoEstimate(StatisticsError):
    """The data have no finite estimate."""


def _restored(error_class: type[StatisticsError], args: tuple[object, ...]) -> StatisticsError:
    return error_class.__new__(error_class, *args)
