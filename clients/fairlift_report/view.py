"""What a campaign's report says, in which order, with which figures.

Every text is in the reader's language and as the server sent it: what draws it makes it safe.
Figures are formatted; the numbers beside them are for pictures. Drawing computes no figure.
"""

from dataclasses import dataclass

from fairlift_report.parts import (
    CheckView,
    CourseView,
    DaysView,
    FactView,
    LiftPicture,
    MeterView,
    OriginView,
    SegmentsView,
)
from fairlift_report.table import IntervalView, TableView, Tone

__all__ = [
    "CampaignView",
    "ForecastView",
    "KeyFigure",
    "MethodView",
    "MetricsView",
    "NumberSigns",
    "PageWords",
    "PlanView",
    "ProgressView",
    "TrustView",
    "VerdictView",
    "WorthRow",
    "WorthView",
]


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """The figure to read first.

    Attributes:
        label: the metric, and the variant where there are several treatments.
        figure: its lift.
        detail: the interval in words.
        others: of which data it is, and the same of the other treatments, each in a line.
    """

    label: str
    figure: str
    detail: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageWords:
    """What a page says besides the report itself.

    Attributes:
        changes: above the headline picture.
        colours: of the pictures' intervals.
        over_time: above what is told over time.
        segments: above the segments.
        segments_legend: what their two marks stand for.
        more_metrics: on what opens the segments of further metrics.
        figures: on what opens a table beside a picture.
        more_courses: how many courses over time are left out; empty where none is.
        more_segments: how many rows of segments of further metrics are left out; may be empty.
        more_details: how many rows of p-values are left out; may be empty.
        totals: above tables of totals.
        made_by: at the foot.
    """

    changes: str
    colours: str
    over_time: str
    segments: str
    segments_legend: str
    more_metrics: str
    figures: str
    more_courses: str
    more_segments: str
    more_details: str
    totals: str
    made_by: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What to do now.

    Attributes:
        name: ship, stop_harm, stop_futile, inconclusive, keep_going, too_early, undecided or
            do_not_trust; empty while there is no verdict.
        tone: of its colour.
        word: the verdict in a word or two; empty while there is none.
        sentence: the verdict.
        adjustment: why its figure differs from that of all data; may be empty.
        action: what to do; may be empty.
        data_end: that nothing was counted for days before the report; else empty.
        decided: with the data of which day it was decided; empty while it is not.
        sureness: how sure the verdict is, in plain words; empty while there is none.
        reasons: most important first.
        evidence: how much of what a decision needs is there; None once it is decided.
        key_figure: the lift of the metric that it comes from; None where there is none.
    """

    name: str
    tone: Tone
    word: str
    sentence: str
    adjustment: str
    action: str
    data_end: str
    decided: str
    sureness: str
    reasons: tuple[str, ...]
    evidence: MeterView | None
    key_figure: KeyFigure | None


@dataclass(frozen=True, slots=True)
class WorthRow:
    """Money a week of one treatment.

    Attributes:
        variant: its display name.
        amount: with its interval; None where it cannot be said.
        sentence: the figure and its interval in words, or why there is none.
        assumptions: of the figure; may be empty.
    """

    variant: str
    amount: IntervalView | None
    sentence: str
    assumptions: str


@dataclass(frozen=True, slots=True)
class WorthView:
    """Money a week at the present traffic, by treatment; the verdict's first."""

    heading: str
    rows: tuple[WorthRow, ...]


@dataclass(frozen=True, slots=True)
class ForecastView:
    """When a decision is likely.

    Attributes:
        heading: of the part.
        sentence: the forecast, or why there is none.
        chances: pairs of a chance and the day by which it is reached, both formatted.
    """

    heading: str
    sentence: str
    chances: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ProgressView:
    """How far the campaign is.

    Attributes:
        heading: of the part.
        meters: of planned visitors and days; empty where the plan is not known.
        analysed: what the newest analysis contains; empty before the first.
        upcoming: when the next decision or analysis is; empty when there is none.
    """

    heading: str
    meters: tuple[MeterView, ...]
    analysed: str
    upcoming: str


@dataclass(frozen=True, slots=True)
class MetricsView:
    """Each metric by variant: value, lift, interval, chance to be best."""

    table: TableView
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustView:
    """Whether the data can be trusted.

    Attributes:
        heading: of the part.
        checks: of this campaign.
        shop_heading: of the checks of all events of the shop.
        shop_checks: those that found something; or one that says that none did.
        shop_is_fine: whether the last is such a one.
    """

    heading: str
    checks: tuple[CheckView, ...]
    shop_heading: str
    shop_checks: tuple[CheckView, ...]
    shop_is_fine: bool


@dataclass(frozen=True, slots=True)
class PlanView:
    """What was sealed before the first visitor came.

    Attributes:
        heading: of the part.
        facts: of the plan; empty where it is not known.
        hash_label: of the hash.
        hash: SHA-256, hex, of the plan; empty before the start.
    """

    heading: str
    facts: tuple[FactView, ...]
    hash_label: str
    hash: str


@dataclass(frozen=True, slots=True)
class MethodView:
    """How the figures were computed.

    Attributes:
        heading: of the part.
        table: p-values and posterior figures.
        methods: a sentence for each metric, and what must be known of it.
        facts: the version, the newest data, and the command that prints the same figures.
    """

    heading: str
    table: TableView
    methods: tuple[str, ...]
    facts: tuple[FactView, ...]


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """How the language writes the numbers and days of an axis.

    Attributes:
        decimal: the decimal sign.
        thousands: between groups of three digits.
        percent: what follows a percentage.
        months: short names, January first.
        day_format: of a day without its year, as strftime has it.
    """

    decimal: str
    thousands: str
    percent: str
    months: tuple[str, ...]
    day_format: str


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign's report, part by part, in the order in which it is read.

    Attributes:
        language: en, es or ro.
        signs: of numbers in that language.
        campaign: its id.
        words: of a page around the report.
        title: its name, or else its id.
        subtitle: its id, and the epoch where it has several; empty where the title says it.
        heading: title and subtitle in one line.
        status: running, ended and so on; empty where it is not known.
        environment: of the server, such as production; may be empty.
        created: when the report was made; empty where the server does not say it.
        verdict: what to do now.
        worth: None where the server does not say it.
        progress: how far it is.
        forecast: None where the server does not say it.
        warning: that the figures below decide nothing; empty where they do.
        data_shown: of which data the pictures are, where the decision is older; else empty.
        pictures: of the headline metrics and of the primary ones.
        courses: lift and evidence over time, for each primary metric and treatment.
        days: visitors by day; None before the first.
        origin: where the difference in revenue comes from; None where it is not known.
        metrics: None before the first analysis.
        funnels: a table for each.
        segments: one for each attribute and metric.
        trust: None where nothing was checked.
        provisional: figures of all visitors; None where no window is open.
        totals: of all visitors who entered.
        notes: sentences that concern the report.
        channels: what each cost and brought; None where no cost was sent.
        channel_notes: what must be said of each.
        coupons: that orders used; None where there are none.
        plan: what was sealed.
        method: how the figures were computed.
    """

    language: str
    signs: NumberSigns
    words: PageWords
    campaign: str
    title: str
    subtitle: str
    heading: str
    status: str
    environment: str
    created: str
    verdict: VerdictView
    worth: WorthView | None
    progress: ProgressView
    forecast: ForecastView | None
    warning: str
    data_shown: str
    pictures: tuple[LiftPicture, ...]
    courses: tuple[CourseView, ...]
    days: DaysView | None
    origin: OriginView | None
    metrics: MetricsView | None
    funnels: tuple[TableView, ...]
    segments: tuple[SegmentsView, ...]
    trust: TrustView | None
    provisional: TableView | None
    totals: TableView
    notes: tuple[str, ...]
    channels: TableView | None
    channel_notes: tuple[str, ...]
    coupons: TableView | None
    plan: PlanView
    method: MethodView
