"""Which exposures of a campaign count."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntryRules:
    """Which exposures count: of units without an override, while the epoch ran.

    Attributes:
        start_us: when the epoch began; a caller's clock may be a minute slow, so that an exposure
            up to a minute earlier counts. None takes all before it too.
        pauses: from when until when nobody entered; a pause without an end lasts.
        overrides: ids whose variant somebody chose by hand.
    """

    start_us: int | None = None
    pauses: tuple[tuple[int, int | None], ...] = ()
    overrides: tuple[str, ...] = ()


ENTRY_OF_ALL = EntryRules()
