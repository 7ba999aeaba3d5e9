"""What managers ask: what the variant is worth a week, and when a decision is likely."""

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.table import IntervalView
from fairlift_report.view import ForecastView, WorthRow, WorthView
from fairlift_stats.locale import figure_text
from fairlift_stats.messages import Amount

from fairlift_cli.figures import Figures, capital
from fairlift_cli.report.lift_pictures import ends
from fairlift_cli.report.report_context import ReportContext

_PROFIT = "profit_per_visitor"
# From this amount on cents say nothing; the server's sentences have the same rule.
_WHOLE_FROM = 100


def worth_view(context: ReportContext) -> WorthView | None:
    """What each treatment is worth, the verdict's first, or else the best; None where unknown."""
    first = context.worth
    if first is None:
        return None
    rest = (worth for worth in context.report.worths if worth.variant != first.variant)
    is_saved = first.meaning == pb.WORTH_MEANING_SAVED
    heading = context.say("portfolio.saved" if is_saved else "portfolio.worth")
    return WorthView(heading, tuple(_row(context, worth) for worth in (first, *rest)))


def weekly_amount(
    figures: Figures, label: str, worth: pb.Worth, verdict: pb.Verdict
) -> IntervalView | None:
    """Money a week with its interval; None where there is no figure.

    Where the interval has zero within it, the figure is "not known": a sum would be read as one.
    """
    if not (worth.HasField("weekly") and worth.HasField("weekly_interval")):
        return None
    low, amount, high = _amounts(worth)
    if low <= 0.0 <= high:
        is_whole = max(-low, high) >= _WHOLE_FROM
        interval = figures.say(
            "worth.range",
            low=Amount(low, figures.currency, signed=True, whole=is_whole),
            high=Amount(high, figures.currency, signed=True, whole=is_whole),
        )
        return IntervalView(label, low, amount, high, capital(_unknown(figures, verdict)), interval)
    is_signed, is_whole = worth.meaning == pb.WORTH_MEANING_OPEN, abs(amount) >= _WHOLE_FROM

    def shown(value: float) -> str:
        money = Amount(value, figures.currency, is_signed, is_whole)
        return figure_text(money, figures.language)

    interval = f"{shown(low)} … {shown(high)}"
    return IntervalView(label, low, amount, high, shown(amount), interval)


def _amounts(worth: pb.Worth) -> tuple[float, float, float]:
    """Low end, amount and high end; of what stopping saves, their opposites."""
    (low, high), amount = ends(worth.weekly_interval), worth.weekly
    is_saved = worth.meaning == pb.WORTH_MEANING_SAVED
    return (-high, -amount, -low) if is_saved else (low, amount, high)


def _unknown(figures: Figures, verdict: pb.Verdict) -> str:
    """Not known yet, or not known where no more data are waited for."""
    is_open = verdict.kind in (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_KIND_DO_NOT_TRUST)
    return figures.say("worth.not_known_yet" if is_open else "worth.not_known")


def _row(context: ReportContext, worth: pb.Worth) -> WorthRow:
    name, verdict = context.name(worth.variant), context.report.verdict
    amount = weekly_amount(context.figures, name, worth, verdict)
    sentence = worth.sentence
    if amount is not None and amount.low <= 0.0 <= amount.high:
        is_saved = worth.meaning == pb.WORTH_MEANING_SAVED
        sentence = context.say(
            "worth.saving_unclear" if is_saved else "worth.unclear",
            variant=name, known=_unknown(context.figures, verdict), range=amount.interval,
        )  # fmt: skip
    assumptions = " ".join(filter(None, (worth.assumptions, _basis(context, worth, amount))))
    return WorthRow(name, amount, sentence, assumptions)


def _basis(context: ReportContext, worth: pb.Worth, amount: IntervalView | None) -> str:
    """Of a winner: which costs the money is after, and how to send them; may be empty."""
    verdict, figures = context.report.verdict, context.figures
    is_winner = verdict.kind == pb.VERDICT_KIND_SHIP and verdict.variant == worth.variant
    if not is_winner or amount is None:
        return ""
    metric = figures.metric_name(worth.metric)
    if worth.metric != _PROFIT:
        return context.say("worth.before_costs", metric=metric, profit=_PROFIT)
    if verdict.metric == _PROFIT or amount.low > 0.0:
        return ""
    name, decided = context.name(worth.variant), figures.metric_name(verdict.metric)
    return context.say("worth.in_profit", variant=name, decided=decided, metric=metric)


def forecast_view(context: ReportContext) -> ForecastView | None:
    """When a decision is likely; None where the verdict says already why nothing is."""
    forecast, figures = context.forecast, context.figures
    if forecast is None:
        return None
    chances = tuple(
        (figures.share(each.chance, 0), figures.calendar_day(each.date))
        for each in forecast.chances
        if each.date
    )
    # The sentence says a day that is the same for all of them.
    several = chances if len({day for _, day in chances}) > 1 else ()
    return ForecastView(context.say("report.forecast"), forecast.sentence, several)
