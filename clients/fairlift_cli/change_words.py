"""The change of one field in words: what it was, and what it is now."""

from fairlift.v1.campaign_service_pb2 import FieldChange

from fairlift_cli.screen import Screen


def field_in_words(screen: Screen, change: FieldChange, *, longest: int | None = None) -> str:
    """Such as `traffic: 50% → 80%`, with the name as campaign files have it.

    Args:
        screen: whose arrow is drawn.
        change: of the field.
        longest: signs of each of the two values that are shown; default: all.
    """
    before, after = (_shortened(value, longest) for value in (change.before, change.after))
    return f"{name_in_files(change)}: {before} {screen.glyphs.arrow} {after}"


def name_in_files(change: FieldChange) -> str:
    """The field as campaign files name it: traffic in per cent, not traffic_bps."""
    return change.field.removesuffix("_bps")


def _shortened(value: str, longest: int | None) -> str:
    if longest is not None and len(value) > longest:
        return f"{value[: longest - 1]}…"
    return value or "nothing"
