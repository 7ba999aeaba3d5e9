"""What channels cost and brought, as the contract's ChannelReturn."""

from collections.abc import Iterator

from fairlift.engine.campaign import Campaign
from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.messages import Figure, Message, Verbatim

from fairlift_server.analysis.ledger_facts import ChannelCount
from fairlift_server.api.amounts import sum_micros
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.events.ledger import MICROS

_CHANNEL_KEY = "channel"


def channels_to(
    counts: tuple[ChannelCount, ...], campaign: Campaign, reader: ReaderLanguage
) -> Iterator[pb.ChannelReturn]:
    """By channel; an empty name stands for orders and costs that name none."""
    randomised = randomised_channels(campaign)
    for count in counts:
        is_observational = count.channel not in randomised
        name: Figure = Verbatim(count.channel) if count.channel else Message.of("channel.none")
        key = "channel.observed" if is_observational else "channel.randomised"
        yield pb.ChannelReturn(
            channel=count.channel,
            cost_micros=sum_micros(count.cost_micros),
            orders=count.orders,
            first_orders=count.first_orders,
            revenue_micros=sum_micros(count.revenue_micros),
            profit_micros=sum_micros(count.profit_micros),
            acquisition_cost=count.cost_micros / MICROS / count.first_orders
            if count.cost_micros and count.first_orders
            else None,
            return_on_investment=(count.profit_micros - count.cost_micros) / count.cost_micros
            if count.cost_micros
            else None,
            observational=is_observational,
            sentence=reader.text(Message.of(key, channel=name)),
        )


def randomised_channels(campaign: Campaign) -> frozenset[str]:
    """Channels that the payload of exactly one variant names, where every variant names one.

    A control without a campaign names none: then who comes by a channel chose to.
    """
    named = [variant.payload.get(_CHANNEL_KEY) for variant in campaign.variants]
    texts = [name for name in named if isinstance(name, str) and name]
    if len(texts) < len(named):
        return frozenset()
    return frozenset(name for name in texts if texts.count(name) == 1)
