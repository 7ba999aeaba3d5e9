"""The headline picture: each treatment's lift with its interval, zero, and the planned effect."""

from collections.abc import Iterator, Sequence

from fairlift_report.parts import LiftPicture, SegmentsView
from fairlift_report.pictures.drawing import Picture, draw_both
from fairlift_report.pictures.intervals import PictureRow, intervals_spec
from fairlift_report.view import NumberSigns

__all__ = ["draw_lifts", "draw_segments"]

# More would not be read; the table has all.
_MOST_ROWS = 6
_MOST_SEGMENTS = 16


def draw_lifts(pictures: Sequence[LiftPicture], signs: NumberSigns) -> Picture | None:
    """The metrics below each other on one scale; None where no lift can be told."""
    if not pictures:
        return None
    title = "; ".join(picture.heading for picture in pictures)
    words = "; ".join(
        f"{picture.metric}, {row.label}: {row.figure} ({row.interval})"
        for picture in pictures
        for row in picture.rows
    )
    return _drawn(list(_lines(pictures)), title, words, signs)


def draw_segments(segments: SegmentsView, signs: NumberSigns) -> Picture | None:
    """The adjusted lifts, and faint behind them those of each segment's own data."""
    rows = [row for group in segments.table.groups for row in group.rows]
    lines = [
        PictureRow(row.interval.label, row.interval, faint)
        for row, faint in zip(rows, segments.raw, strict=True)
        if row.interval is not None
    ][:_MOST_SEGMENTS]
    if not lines:
        return None
    words = "; ".join(
        f"{line.label}: {line.interval.figure} ({line.interval.interval})"
        for line in lines
        if line.interval is not None
    )
    return _drawn(lines, segments.table.heading, words, signs)


def _lines(pictures: Sequence[LiftPicture]) -> Iterator[PictureRow]:
    labels = {row.label for picture in pictures for row in picture.rows if not row.is_verdict}
    for picture in pictures:
        if len(labels) > 1:
            yield PictureRow(picture.metric, None)
        for row in picture.rows[:_MOST_ROWS]:
            # One treatment needs no name in each row.
            name = picture.metric if len(labels) == 1 and not row.is_verdict else row.label
            yield PictureRow(name, row, effect=picture.minimum_effect)


def _drawn(lines: Sequence[PictureRow], title: str, words: str, signs: NumberSigns) -> Picture:
    return draw_both(
        lambda width: intervals_spec(lines, width), title=title, words=words, signs=signs
    )
