"""Refuses what an analyst would get wrong: where, what is there, the rule, a way out."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from fairlift_stats.data.sums import LARGEST
from fairlift_stats.errors import BadFrame, MissingColumn, UnknownVariant
from fairlift_stats.frames.table import ColumnFacts, ColumnKind, FrameTable, Label

__all__ = [
    "NO_SEGMENT",
    "check_labels",
    "check_names",
    "check_numbers",
    "check_shares",
    "check_units",
    "check_values",
    "check_variants",
    "nearest_name",
]

# More variants or segments than this are rather ids, or numbers that are not cut into bands.
MOST_VARIANTS = 100
MOST_SEGMENTS = 1_000
# The segment of units without a value.
NO_SEGMENT = "(missing)"


def check_names(table: FrameTable, names: Iterable[str]) -> None:
    """Check that the frame has these columns.

    Raises:
        MissingColumn: one is not there.
    """
    for name in names:
        if name not in table.columns:
            raise MissingColumn(
                f"column {name!r} is not in the frame, which has {[*table.columns]}"
                f"{nearest_name(name, table.columns)}"
            )


def check_numbers(table: FrameTable, columns: Iterable[str]) -> None:
    """Check that these columns hold numbers.

    Raises:
        BadFrame: one does not.
    """
    for column in columns:
        kind = table.kind(column)
        if not kind.is_number:
            examples = table.examples(column)
            raise BadFrame(
                f"column {column!r}: holds {kind.value}, as {_shown(examples)}; a metric adds up "
                f"numbers. {_way_to_numbers(column, kind, examples)}"
            )


def check_values(facts: Mapping[str, ColumnFacts], may_be_missing: Iterable[str]) -> None:
    """Check that values are there, and finite.

    Raises:
        BadFrame: a unit has no value, or values are infinite, too large, or too small to cube.
    """
    covariates = set(may_be_missing)
    for column, fact in facts.items():
        if fact.missing and column not in covariates:
            raise BadFrame(
                f"column {column!r}: {fact.missing:,} units have no value (null or NaN); each unit "
                "needs one. Fill in 0 for units that did nothing, or leave out units that were "
                "not measured"
            )
        if not -LARGEST <= fact.least <= fact.most <= LARGEST:
            raise BadFrame(
                f"column {column!r}: goes from {fact.least:g} to {fact.most:g}; values must be "
                f"finite and within ±{LARGEST:g}. Correct them, or cap them"
            )
        if 0 < max(-fact.least, fact.most) < 1 / LARGEST:
            raise BadFrame(
                f"column {column!r}: goes from {fact.least:g} to {fact.most:g}; values must be 0, "
                f"or some must reach {1 / LARGEST:g} in size, for their powers to be numbers. "
                "Multiply them by the same number first"
            )


def check_shares(facts: Mapping[str, ColumnFacts], columns: Iterable[str]) -> None:
    """Check that these columns say of each unit whether it did something.

    Raises:
        BadFrame: a value is neither 0 nor 1.
    """
    for column in columns:
        fact = facts[column]
        if not fact.is_0_or_1:
            raise BadFrame(
                f"column {column!r}: goes from {fact.least:g} to {fact.most:g}; a rate, a funnel's "
                "step and buyers need 0 or 1 for each unit. Compare with 0 first "
                f"({column} > 0), or use Mean for a number per unit"
            )


def check_labels(table: FrameTable, column: str, *, is_segment: bool = False) -> dict[Label, int]:
    """The labels of a column that splits the frame, each with its rows.

    Raises:
        BadFrame: they are no labels, one is missing, or there are too many.
    """
    kind, most = table.kind(column), MOST_SEGMENTS if is_segment else MOST_VARIANTS
    word = "segments" if is_segment else "variants"
    if not kind.is_label:
        raise BadFrame(
            f"column {column!r}: holds {kind.value}, as {_shown(table.examples(column))}; {word} "
            "are text, categories, whole numbers or booleans. Cut numbers and times into bands, "
            "or cast them to text"
        )
    labels = dict(table.labels(column, most))
    if len(labels) > most:
        raise BadFrame(
            f"column {column!r}: has more than {most:,} different values; that many are rather "
            f"ids than {word}. Name the right column, or cut the values into bands"
        )
    if None in labels and not is_segment:
        raise BadFrame(
            f"column {column!r}: {labels[None]:,} rows have no variant; each unit has seen one. "
            "Leave these rows out"
        )
    if None in labels and NO_SEGMENT in labels:
        raise BadFrame(
            f"column {column!r}: {labels[None]:,} rows have no value, and {labels[NO_SEGMENT]:,} "
            f"have {NO_SEGMENT!r}, which is what the segment of the former is called. Give one of "
            "them another value"
        )
    return labels


def check_variants(column: str, variants: Sequence[str], control: str) -> None:
    """Check that there is a control, and something to compare it with.

    Raises:
        BadFrame: the frame has no rows.
        UnknownVariant: the control is not there, or nothing but the control.
    """
    if not variants:
        raise BadFrame("frame: has no rows; an analysis needs units of two variants or more")
    if control not in variants:
        raise UnknownVariant(
            f"control: is {control!r}, which does not occur in column {column!r}; it has "
            f"{[*variants]}{nearest_name(control, variants)}"
        )
    if len(variants) < 2:
        raise UnknownVariant(
            f"column {column!r}: has only {control!r}; a comparison needs another variant"
        )


def check_units(table: FrameTable, unit: str, variant: str) -> None:
    """Check that each unit has one row.

    Raises:
        BadFrame: a row has no unit, or a unit has several rows.
    """
    if missing := table.missing(unit):
        raise BadFrame(f"column {unit!r}: {missing:,} rows have no unit; leave them out")
    if repeated := table.repeated(unit, variant):
        raise BadFrame(
            f"column {unit!r}: {repeated.units:,} units have more than one row, as "
            f"{repeated.example!r}; {repeated.in_several_variants:,} of them saw more than one "
            "variant. An analysis takes one row per unit: add up the rows of each unit first, and "
            "leave out units that saw several variants"
        )


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The end of a message: the nearest known name, if there is one."""
    nearest = get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _shown(examples: Sequence[object]) -> str:
    return ", ".join(repr(value) for value in examples)


def _way_to_numbers(column: str, kind: ColumnKind, examples: Sequence[object]) -> str:
    if kind in (ColumnKind.TEXT, ColumnKind.CATEGORY):
        value = examples[0] if examples else "yes"
        return f"Compare or convert first, e.g. {column} == {value!r}"
    if kind is ColumnKind.TIME:
        return "Take a difference of times, in days or seconds, as a number"
    return "Convert it to one type of numbers first"
