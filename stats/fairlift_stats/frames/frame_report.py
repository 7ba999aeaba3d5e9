"""What analyze(frame) returns: a record that shows itself in a notebook and gives frames."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlift_stats.data.summary import Summary, all_pairs
from fairlift_stats.errors import BadQuestion, UnknownVariant
from fairlift_stats.frames.checks import (
    check_names,
    check_numbers,
    check_shares,
    check_values,
)
from fairlift_stats.frames.frame_words import FrameWords
from fairlift_stats.frames.plain_text import report_notes, report_text, split_text
from fairlift_stats.frames.second_opinion import SecondOpinion, second_opinion
from fairlift_stats.frames.table import Column, FrameTable, NeededSums
from fairlift_stats.methods.sample_ratio import SampleRatio
from fairlift_stats.report.analysis import Analysis, Report
from fairlift_stats.report.decomposition import Decomposition, decompose
from fairlift_stats.report.result import Result
from fairlift_stats.report.segment_report import SegmentFamily

__all__ = ["FrameReport"]

# The columns of `to_dicts` that hold no real numbers.
OTHER_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("metric", "role", "variant", "cannot_say", "flags", "method"), str),
    "n": int,
    "margin_holds": bool,
}


@dataclass(frozen=True, repr=False)
class FrameReport:
    """The report of an experiment, with all that it was computed from.

    Attributes:
        analysis: the metrics by role, covariates included.
        report: one result per metric and treatment.
        summaries: by variant, the control first.
        sample_ratio: the check of the split.
        has_weights: the split was given; else it was taken to be equal.
        segments: by column, the families of lifts.
        filled: covariates that some units lack, with the number of these units.
        table: the frame, for a second opinion.
        columns: its columns of numbers that were added up.
        variant_column: its column of variants.
        language: of the text and of the HTML: en, es or ro.
    """

    analysis: Analysis
    report: Report
    summaries: Mapping[str, Summary]
    sample_ratio: SampleRatio
    has_weights: bool
    segments: Mapping[str, tuple[SegmentFamily, ...]]
    filled: Mapping[str, int]
    table: FrameTable = field(compare=False)
    columns: tuple[Column, ...] = field(compare=False)
    variant_column: str = field(compare=False)
    language: str = field(default="en", compare=False)

    def __getitem__(self, key: tuple[str, str]) -> Result:
        """The result of one metric and treatment: `report["conversion_rate", "banner"]`.

        Raises:
            UnknownVariant: there is no such pair.
        """
        return self.report[key]

    @property
    def control(self) -> str:
        """The control's name."""
        return self.report.control

    @property
    def treatments(self) -> tuple[str, ...]:
        """The other variants."""
        return self.report.variants[1:]

    @property
    def results(self) -> tuple[Result, ...]:
        """One result per metric and treatment."""
        return self.report.results

    @property
    def _words(self) -> FrameWords:
        return FrameWords(self.language)

    @property
    def split(self) -> str:
        """How many units there are, and whether their split is as planned, in a sentence."""
        units = {name: summary.n for name, summary in self.summaries.items()}
        return split_text(units, self.sample_ratio, self._words, is_planned=self.has_weights)

    def to_dicts(self) -> list[dict[str, str | int | float | bool | None]]:
        """One dictionary per metric and treatment: all figures but the posterior."""
        return [dict(result) for result in self.results]

    def to_frame(self) -> object:
        """The same as a table in the library of the frame that was analysed.

        A lazy frame of polars gives a table in memory; DuckDB and Ibis give a relation and a table
        that hold the rows.
        """
        rows = self.to_dicts()
        types = {name: OTHER_TYPES.get(name, float) for name in rows[0]}
        return self.table.frame_of(rows, types)

    def decompose(
        self, variant: str | None = None, *, buyers: str, orders: str, revenue: str
    ) -> Decomposition:
        """Where the difference in revenue per visitor comes from: buyers, orders each, or tickets.

        Args:
            variant: the treatment; it may be left out where there is one.
            buyers: the column of units that bought: 0 or 1.
            orders: the column of their orders.
            revenue: the column of their revenue.

        Raises:
            UnknownVariant: there is no such treatment.
            BadQuestion: there are several treatments, and none is named.
            BadFrame, MissingColumn: see `analyze`.
            TooFewUnits, NoEstimate: see `fairlift_stats.decompose`.
        """
        treatment = self._treatment(variant)
        names = (buyers, orders, revenue)
        check_names(self.table, names)
        check_numbers(self.table, names)
        facts = self.table.facts(names)
        check_values(facts, ())
        check_shares(facts, (buyers,))
        sums = NeededSums(tuple(Column(name, name) for name in names), all_pairs(names), ())
        summaries = {
            str(label): summary
            for (label,), summary in self.table.cells(sums, (self.variant_column,)).items()
        }
        return decompose(
            summaries[self.control],
            summaries[treatment],
            buyers=buyers,
            orders=orders,
            revenue=revenue,
            confidence=self.report.confidence,
        )

    def second_opinion(self) -> SecondOpinion:
        """The same figures another way, by statsmodels; says where and why the two differ.

        Values are read from the frame again; DuckDB and Ibis hand them over.

        Raises:
            ModuleNotFoundError: statsmodels is not installed.
        """
        return second_opinion(self.report, self.table, self.columns, self.variant_column)

    @property
    def notes(self) -> list[str]:
        """What to know before trusting the figures, a sentence each."""
        return report_notes(self.report, self.filled, self._words)

    def __str__(self) -> str:
        """A short table."""
        return report_text(self.report, self.split, self.notes, self._words)

    # What a cell or a prompt shows of a report is the report.
    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        """The report in a notebook; None, so that it is text, without the extra `report`."""
        try:
            from fairlift_report.notebook import notebook_parts

            from fairlift_stats.frames.notebook_view import notebook_view
        except ModuleNotFoundError:
            return None
        view = notebook_view(
            self.report,
            split=self.split,
            is_broken=self.sample_ratio.alarm,
            notes=self.notes,
            segments=self.segments,
            words=self._words,
        )
        return str(notebook_parts(view))

    def _treatment(self, variant: str | None) -> str:
        if variant is None and len(self.treatments) > 1:
            raise BadQuestion(f"variant: name one of the treatments {[*self.treatments]}")
        name = self.treatments[0] if variant is None else variant
        if name not in self.treatments:
            raise UnknownVariant(f"variant: is {name!r}; treatments are {[*self.treatments]}")
        return name
