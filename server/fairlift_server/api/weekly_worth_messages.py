"""What treatments are worth in money a week, as the contract's Worth."""

import math
from datetime import date

from fairlift.engine.campaign import Campaign
from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to
from fairlift_stats.effects import Interval
from fairlift_stats.messages import (
    Amount,
    Day,
    Figure,
    Message,
    MetricName,
    Number,
    Percent,
    VariantName,
)
from fairlift_stats.verdict.weekly_worth import WeeklyWorth

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.metric_messages import interval_to
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.store.campaigns import moment

# From this amount on cents say nothing.
_WHOLE_FROM = 100


def weekly_worth_to(
    worth: WeeklyWorth,
    campaign: Campaign,
    days: CampaignDays,
    reader: ReaderLanguage,
    *,
    currency: str,
    has_currency_gaps: bool,
    is_row: bool = False,
) -> pb.Worth:
    """The worth with its sentences.

    Args:
        worth: of one treatment.
        campaign: of which it is.
        days: of its epoch.
        reader: of the sentences.
        currency: of the money.
        has_currency_gaps: orders wait for an exchange rate, so that money is missing.
        is_row: of a list, where nobody reads what the figure assumes.
    """
    message = pb.Worth(
        variant=worth.variant,
        metric=worth.metric,
        meaning=pb.WorthMeaning.Value(f"WORTH_MEANING_{worth.meaning.upper()}"),
        weekly_units=worth.weekly_units,
        traffic_share=worth.share,
        traffic_days=0 if worth.traffic is None else worth.traffic.days,
    )
    missing = "currency_gaps" if has_currency_gaps else worth.missing
    if missing is not None:
        message.no_worth_reason = pb.NoWorthReason.Value(f"NO_WORTH_REASON_{missing.upper()}")
        why = Message.of(f"worth.{missing}", metric=MetricName(worth.metric))
        message.sentence = reader.text(
            Message.of("worth.missing", variant=VariantName(worth.variant), why=why)
        )
        return message
    difference, interval, weekly = worth.difference, worth.weekly_interval, worth.weekly
    assert difference is not None, "what is not missing is there"
    assert interval is not None, "as the difference is"
    assert weekly is not None, "as the difference is"
    message.weekly = weekly
    message.weekly_interval.CopyFrom(interval_to(interval, worth.confidence))
    message.estimate = pb.WorthEstimate.Value(f"WORTH_ESTIMATE_{worth.estimate.upper()}")
    message.difference = difference.value
    message.difference_interval.CopyFrom(interval_to(difference.interval, worth.confidence))
    as_of_us = days.end_of_date_us(date.fromisoformat(difference.at))
    message.as_of_time.CopyFrom(time_to(moment(as_of_us)))
    message.sentence = reader.text(_sentence(worth, weekly, interval, currency))
    if not is_row:
        message.assumptions = reader.text(_assumptions(worth, campaign))
    return message


def _sentence(worth: WeeklyWorth, weekly: float, interval: Interval, currency: str) -> Message:
    amounts = [weekly, interval.low, interval.high]
    if worth.meaning == "saved":
        amounts = [-weekly, -interval.high, -interval.low]
    is_open = worth.meaning == "open"
    is_whole = abs(amounts[0]) >= _WHOLE_FROM
    money = (Amount(each, currency, signed=is_open, whole=is_whole) for each in amounts)
    figures: dict[str, Figure] = dict(zip(("amount", "low", "high"), money, strict=True))
    return Message.of(f"worth.{worth.meaning}", variant=VariantName(worth.variant), **figures)


def _assumptions(worth: WeeklyWorth, campaign: Campaign) -> Message:
    traffic, plan, difference = worth.traffic, campaign.plan, worth.difference
    assert difference is not None, "a worth has a difference"
    assert traffic is not None, "a worth has traffic"
    assert plan is not None, "a campaign with a report has a plan"
    own = plan.metric(worth.metric).window_days
    window_days = plan.window_days if own is None else own
    decided = worth.estimate == "measured" and worth.meaning != "open"
    return Message.counted(
        "worth.assumptions_all" if worth.share == 1 else "worth.assumptions_part",
        "units",
        units=Number(round(worth.weekly_units)),
        period=_days(traffic.days),
        day=Day(traffic.until),
        share=Percent(worth.share, 0),
        metric=MetricName(worth.metric),
        window=_days(window_days) if window_days else Message.of("note.visit"),
        estimate=Message.of(
            "worth.measured_decided" if decided else f"worth.{worth.estimate}",
            level=Percent(worth.confidence, _digits(worth.confidence)),
            at=Day(difference.at),
        ),
    )


def _digits(share: float) -> int:
    return 0 if math.isclose(100 * share, round(100 * share)) else 1


def _days(days: int) -> Message:
    return Message.counted("note.days", "days", days=Number(days))
