"""Parts of a report that are drawn: meters, lifts, courses over time, waterfalls, segments."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from fairlift_report.table import IntervalView, TableView

__all__ = [
    "MOST_COURSES",
    "MOST_DETAILS",
    "MOST_SEGMENTS",
    "MOST_SPLIT_LINES",
    "CheckStatus",
    "CheckView",
    "CoursePoint",
    "CourseView",
    "DaysView",
    "FactView",
    "LegendLine",
    "LiftPicture",
    "MeterView",
    "OriginView",
    "SegmentsView",
    "WaterfallStep",
    "WaterfallView",
]

# So many segments of an attribute stand on a page, and all of them in the terminal.
MOST_SEGMENTS = 40
# So many courses over time; `fairlift looks --details` has all.
MOST_COURSES = 6
# So many rows of p-values, and of segments of further metrics; the terminal has all.
MOST_DETAILS = 200
# Shares of more variants would lie on each other.
MOST_SPLIT_LINES = 4
# Of a newer server: unknown.
CheckStatus: TypeAlias = Literal["ok", "warning", "broken", "unchecked", "unknown"]


@dataclass(frozen=True, slots=True)
class MeterView:
    """A share of something, with the words before and after its bar.

    Attributes:
        share: between 0 and 1.
        before: such as "Evidence collected:".
        after: such as "52% of what a decision needs".
    """

    share: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FactView:
    """A labelled fact, such as "Power: 80%"."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class LegendLine:
    """What one mark of a picture stands for."""

    is_verdict: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class LiftPicture:
    """The lift of each treatment with its interval, for one metric.

    Attributes:
        metric: its display name.
        heading: what is shown, and which variant it is compared with.
        is_primary: whether the metric decides.
        rows: of each treatment, and the verdict's where it differs.
        minimum_effect: the lift that the plan wanted to find; None when it names none.
        minimum_effect_label: the same in words.
        legend: where two figures differ.
    """

    metric: str
    heading: str
    is_primary: bool
    rows: tuple[IntervalView, ...]
    minimum_effect: float | None
    minimum_effect_label: str
    legend: tuple[LegendLine, ...]


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """One analysis of one metric and treatment.

    Attributes:
        date: the day whose end it is as of, ISO 8601.
        day: the same in words.
        number: of the analysis, from 1.
        lift: with the interval that holds at every analysis; None where this one drew none.
        evidence: in standard errors, towards the better side; None where it was not computed.
        success: the evidence at which success is shown; None where it could not be shown.
        harm: the evidence below which harm is shown; None where it could not be shown.
        giving_up: the evidence below which giving up is advised; None where it could not be.
        evidence_words: the evidence and the lines in force, each with its name.
        is_decision: the verdict comes from this analysis.
        is_later: it was made after the decision, and decides nothing.
    """

    date: str
    day: str
    number: int
    lift: IntervalView | None
    evidence: float | None
    success: float | None
    harm: float | None
    giving_up: float | None
    evidence_words: str
    is_decision: bool
    is_later: bool


@dataclass(frozen=True, slots=True)
class CourseView:
    """Lift and evidence over time, of one primary metric and treatment.

    Attributes:
        heading: what is shown.
        metric: its display name.
        points: oldest first.
        lift_label: of the picture of lifts.
        evidence_label: of the picture of evidence.
        line_labels: of the lines of success, harm and giving up.
        decision: where the decision fell, in words; empty while there is none.
        sentence: how the plan stops, and why looking is allowed.
        table: the same as figures.
    """

    heading: str
    metric: str
    points: tuple[CoursePoint, ...]
    lift_label: str
    evidence_label: str
    line_labels: tuple[str, str, str]
    decision: str
    sentence: str
    table: TableView


@dataclass(frozen=True, slots=True)
class DaysView:
    """Visitors who entered by day, and how they were split.

    Attributes:
        heading: what is shown.
        variants: display names, the control first.
        planned: the share that each should have; empty where the plan is not known.
        dates: ISO 8601, oldest first.
        totals: for each date the visitors of all variants.
        shares: for each date the share of each variant among those who entered on it; empty for a
            date without visitors.
        shares_so_far: the same among all who have entered by the end of the date; empty before the
            first visitor.
        split_label: of the picture of the split.
        split_legend: what its dots and lines are.
        split_words: what that picture shows.
        table: the same as figures.
    """

    heading: str
    variants: tuple[str, ...]
    planned: tuple[float, ...]
    dates: tuple[str, ...]
    totals: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]
    shares_so_far: tuple[tuple[float, ...], ...]
    split_label: str
    split_legend: str
    split_words: str
    table: TableView


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """One part of a difference in money.

    Attributes:
        label: what happened, such as "More buyers (+28.2%)".
        amount: in the currency's unit, per visitor, as it is printed: parts add up to the total.
        figure: the amount, formatted.
    """

    label: str
    amount: float
    figure: str


@dataclass(frozen=True, slots=True)
class WaterfallView:
    """Where one treatment's difference in revenue per visitor comes from."""

    variant: str
    sentence: str
    parts: str
    steps: tuple[WaterfallStep, ...]
    total: WaterfallStep


@dataclass(frozen=True, slots=True)
class OriginView:
    """Where the difference in revenue comes from, for each treatment.

    Attributes:
        heading: of the part.
        waterfalls: one for each treatment.
        explanation: which parts a waterfall's sentence names.
    """

    heading: str
    waterfalls: tuple[WaterfallView, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class SegmentsView:
    """The lift by segment, adjusted towards the overall result.

    Attributes:
        is_first_metric: of the metric that is shown when not every one is.
        table: visitors, lift and interval.
        raw: the same order as the table's rows, from each segment's own data; None where it has
            none.
        more: how many rows a page leaves out, in words; empty where it shows every one.
        sentences: what must be said of small segments.
        same_lift: how likely such differences are if all segments had the same lift; may be empty.
    """

    is_first_metric: bool
    table: TableView
    raw: tuple[IntervalView | None, ...]
    more: str
    sentences: tuple[str, ...]
    same_lift: str


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check of the data, with what to do about it."""

    status: CheckStatus
    sentence: str
    causes: tuple[str, ...]
