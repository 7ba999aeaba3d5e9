"""When a decision is to be expected, as the contract's Forecast."""

from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.messages import Day, Listed, Message, Percent, VariantName
from fairlift_stats.verdict.facts import LookAhead, NoOutlook, Outlook
from fairlift_stats.verdict.outlook import CHANCES
from fairlift_stats.verdict.sentences import FAINT

from fairlift_server.api.language import ReaderLanguage


def forecast_to(forecast: Outlook | NoOutlook, reader: ReaderLanguage) -> pb.Forecast:
    """The dates with their chances and in words, or why there are none."""
    if not isinstance(forecast, Outlook):
        why = Message.of(f"forecast.{forecast}")
        return pb.Forecast(
            no_forecast_reason=pb.NoForecastReason.Value(f"NO_FORECAST_REASON_{forecast.upper()}"),
            sentence=reader.text(Message.of("forecast.missing", why=why)),
        )
    return pb.Forecast(
        variant=forecast.arm,
        metric=forecast.metric,
        chances=(
            pb.Forecast.DecisionChance(chance=chance, date=day or "")
            for chance, day in zip(CHANCES, forecast.days, strict=True)
        ),
        end_date=forecast.end,
        predictive_power=forecast.predictive_power,
        conditional_power=forecast.conditional_power,
        weekly_units=forecast.traffic.weekly,
        looks=map(_look, forecast.looks),
        sentence=reader.text(_sentence(forecast)),
    )


def _look(ahead: LookAhead) -> pb.Forecast.ForecastLook:
    return pb.Forecast.ForecastLook(
        day=ahead.day,
        date=ahead.at,
        information=ahead.information,
        won=ahead.won,
        decided=ahead.decided,
        boundary=ahead.line.success,
        harm_boundary=ahead.line.harm,
        futility_boundary=ahead.line.give_up,
    )


def _sentence(outlook: Outlook) -> Message:
    """The days by which a decision has a chance of 20, 50 and 80 %, as far as the plan goes."""
    # Of chances by one day the highest says all.
    reached = {day: chance for chance, day in zip(CHANCES, outlook.days, strict=True) if day}
    end = Day(outlook.end)
    if not reached:
        return Message.of("forecast.unlikely", end=end)
    parts = tuple(
        Message.of("forecast.by", chance=Percent(chance, 0), day=Day(day))
        for day, chance in reached.items()
    )
    chances = Listed(parts)
    sentence = _dates(outlook, chances, end)
    if outlook.predictive_power >= FAINT:
        return sentence
    # Good news is what most readers take a decision for.
    return Message.of("forecast.faint", sentence=sentence, variant=VariantName(outlook.arm))


def _dates(outlook: Outlook, chances: Listed, end: Day) -> Message:
    """The chances by their days, and the end of the plan."""
    missing = outlook.days.count(None)
    if missing:
        chance = Percent(CHANCES[-missing], 0)
        return Message.of("forecast.dates_short", chances=chances, chance=chance, end=end)
    if outlook.days[-1] == outlook.end:
        return Message.of("forecast.dates_end", chances=chances)
    return Message.of("forecast.dates", chances=chances, end=end)
