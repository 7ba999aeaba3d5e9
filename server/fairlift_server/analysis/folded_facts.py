"""Facts of all persons once some persons have others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from fairlift_server.analysis.fold_numbers import (
    UnknownNumber,
    folded_counts,
    folded_largest,
)
from fairlift_server.analysis.ledger_facts import (
    MOST_LARGEST,
    ChannelCount,
    LedgerFacts,
    SeenOrders,
)

_COUNTED = ("orders", "first_orders", "revenue_micros", "profit_micros")


def folded_facts(old: LedgerFacts, before: LedgerFacts, after: LedgerFacts) -> LedgerFacts:
    """Old − before + after.

    Raises:
        UnknownNumber: a fact cannot be told from those that are known.
    """
    if before.twins != after.twins:
        # Which of all twins are the examples is not known.
        raise UnknownNumber
    return LedgerFacts(
        hours=folded_counts(old.hours, before.hours, after.hours),
        largest_buyers=_largest_buyers(old, before, after),
        largest_values=_largest_values(old, before, after),
        sources=folded_counts(old.sources, before.sources, after.sources),
        seen=SeenOrders(
            *(
                getattr(old.seen, field.name)
                - getattr(before.seen, field.name)
                + getattr(after.seen, field.name)
                for field in fields(SeenOrders)
            )
        ),
        busy_units=folded_counts(old.busy_units, before.busy_units, after.busy_units),
        twins=old.twins,
        channels=_channels(old.channels, before.channels, after.channels),
    )


def _largest_buyers(
    old: LedgerFacts, before: LedgerFacts, after: LedgerFacts
) -> dict[str, tuple[int, ...]]:
    parts = [facts.largest_buyers for facts in (old, before, after)]
    by_variant = {
        variant: folded_largest(MOST_LARGEST, *(part.get(variant, ()) for part in parts))
        for variant in sorted({variant for part in parts for variant in part})
    }
    return {variant: tuple(map(int, amounts)) for variant, amounts in by_variant.items() if amounts}


def _largest_values(
    old: LedgerFacts, before: LedgerFacts, after: LedgerFacts
) -> dict[tuple[str, str], tuple[tuple[float, ...], int]]:
    parts = [facts.largest_values for facts in (old, before, after)]
    numbers = folded_counts(*({key: number for key, (_, number) in part.items()} for part in parts))
    return {
        key: (
            folded_largest(MOST_LARGEST, *(part.get(key, ((), 0))[0] for part in parts)),
            number,
        )
        for key, number in numbers.items()
    }


def _channels(
    old: Iterable[ChannelCount], before: Iterable[ChannelCount], after: Iterable[ChannelCount]
) -> tuple[ChannelCount, ...]:
    """Costs are the same in all three: new ones are not folded in."""
    parts = [{each.channel: each for each in part} for part in (old, before, after)]
    spent = {channel: each.cost_micros for part in parts for channel, each in part.items()}
    channels = (
        ChannelCount(
            channel,
            **{name: _number(parts, channel, name) for name in _COUNTED},
            cost_micros=spent[channel],
        )
        for channel in sorted(spent)
    )
    # Those that cost anything, if only 0, are in every part.
    return tuple(each for each in channels if each.orders or each.channel in parts[-1])


def _number(parts: Sequence[Mapping[str, ChannelCount]], channel: str, name: str) -> int:
    old, before, after = (getattr(part[channel], name) if channel in part else 0 for part in parts)
    return int(old - before + after)
