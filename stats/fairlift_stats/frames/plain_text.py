"""A report as a short table of text."""

from collections.abc import Iterator, Mapping, Sequence

from fairlift_stats.effects import CannotSay
from fairlift_stats.frames.frame_words import FrameWords
from fairlift_stats.methods.sample_ratio import SampleRatio
from fairlift_stats.report.analysis import Report
from fairlift_stats.report.result import Result

__all__ = ["aligned", "report_notes", "report_text", "split_text", "tested_p"]

HEADER = ("metric", "variant", "control", "treatment", "lift", "interval", "adjusted_p")


def report_text(report: Report, split: str, notes: Sequence[str], words: FrameWords) -> str:
    """The split, a line per metric and treatment, and what to know before trusting them."""
    header = [words.say(column) for column in HEADER]
    lines = [split, "", *aligned([header, *(_row(result, words) for result in report.results)])]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def report_notes(report: Report, filled: Mapping[str, int], words: FrameWords) -> list[str]:
    """What to know before trusting the figures; `filled` counts units without a covariate."""
    variants: dict[tuple[str, str], list[str]] = {}
    for result in report.results:
        for sentence in _notes(result, words):
            variants.setdefault((result.metric, sentence), []).append(result.variant)
    notes = [
        f"{metric}, {', '.join(of_variants)}: {sentence}"
        for (metric, sentence), of_variants in variants.items()
    ]
    if any(result.adjusted_p not in (None, result.p_value) for result in report.results):
        notes.append(words.say("uncorrected", level=words.level(report.confidence)))
    return notes + [
        words.say("filled", name=name, units=words.count(units)) for name, units in filled.items()
    ]


def tested_p(result: Result) -> float | None:
    """The p-value that decides: corrected for the number of questions, but of a guardrail."""
    return result.p_value if result.role == "guardrail" else result.adjusted_p


def split_text(
    units: Mapping[str, int], check: SampleRatio, words: FrameWords, *, is_planned: bool
) -> str:
    """How many units there are, and whether their split is as planned."""
    counts = ", ".join(f"{name} {words.count(n)}" for name, n in units.items())
    outcome = "mismatch" if check.alarm else "split"
    key = f"{outcome}_planned" if is_planned else f"{outcome}_equal"
    split = words.say(key, p=words.p_with_letter(check.p_value))
    return words.say("split", units=words.count(sum(units.values())), counts=counts, split=split)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first two columns to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(result: Result, words: FrameWords) -> tuple[str, ...]:
    unit = result.answers.row.metric.unit
    return (
        result.metric,
        result.variant,
        words.estimate(result.control.estimate, unit),
        words.estimate(result.treatment.estimate, unit),
        *words.lift_and_interval(result.lift),
        words.p(tested_p(result)),
    )


def _notes(result: Result, words: FrameWords) -> Iterator[str]:
    guard = result.non_inferiority
    if guard is not None:
        margin = words.digits(guard.margin, 6) if guard.is_absolute else words.share(guard.margin)
        key = "margin_holds" if guard.holds else "margin_open"
        yield words.say(key, margin=margin, p=words.p_with_letter(guard.p_value))
    reasons = (
        words.reason(e) for e in (result.difference, result.lift) if isinstance(e, CannotSay)
    )
    for sentence in dict.fromkeys((*reasons, *map(words.warning, result.flags))):
        yield sentence.removeprefix(f"{result.metric}: ")
