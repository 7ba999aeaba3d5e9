"""What the list of all campaigns says: one row each, what needs action first."""

from dataclasses import dataclass

from fairlift_report.parts import MeterView
from fairlift_report.table import IntervalView, TableView, Tone
from fairlift_report.view import NumberSigns

__all__ = ["PortfolioRow", "PortfolioView"]


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """A campaign in a row.

    Attributes:
        campaign: its id.
        title: its name, or else its id.
        urgency: 0 for harm and broken data, 1 for what is decided and not yet done, 2 for what
            runs, 3 for what is closed; rows stand in this order.
        verdict: its stable name, as in `VerdictView`; empty while there is none.
        tone: of its colour.
        word: the verdict in a word or two; empty while there is none.
        sentence: the verdict; may be empty.
        state: running, ended, paused, stopped or archived; empty when it is another.
        state_word: the same in the reader's language.
        days: how many of the planned days are gone.
        visitors: how many of the planned visitors have entered.
        lift: that the verdict tells; None where it tells none.
        worth: money a week with its interval; None where the server does not say it.
        has_broken_data: a check blocks the verdict.
        owner: the label `owner`; may be empty.
        labels: pairs of a key and its text, by key.
    """

    campaign: str
    title: str
    urgency: int
    verdict: str
    tone: Tone
    word: str
    sentence: str
    state: str
    state_word: str
    days: MeterView
    visitors: MeterView
    lift: IntervalView | None
    worth: IntervalView | None
    has_broken_data: bool
    owner: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """All campaigns, those first that need action.

    Attributes:
        language: en, es or ro.
        signs: of numbers in that language.
        heading: of the page.
        groups: headings of the rows of each urgency.
        columns: headings of campaign, lift, worth and progress.
        owner_label: before the owner's name.
        broken_label: said of a campaign with broken data.
        rows: in the order in which they are shown.
        shared: which of the campaigns that run share visitors; None where it is not known.
        shared_note: what its cells mean.
        nothing: what is said when there is no row.
        made_by: at the foot of a page.
    """

    language: str
    signs: NumberSigns
    heading: str
    groups: tuple[str, str, str, str]
    columns: tuple[str, str, str, str]
    owner_label: str
    broken_label: str
    rows: tuple[PortfolioRow, ...]
    shared: TableView | None
    shared_note: str
    nothing: str
    made_by: str
