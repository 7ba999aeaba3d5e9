"""What an action is taken to be worth, and what another worth would change, in messages."""

from collections.abc import Iterable, Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.messages import Amount, Message, Percent, VariantName, Verbatim

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.results.action_worth import ActionWorth


def worth_to(
    worth: ActionWorth,
    comparisons: Iterable[pb.MetricResult.Comparison],
    reader: ReaderLanguage,
    currency: str,
) -> pb.MetricResult.ActionWorth:
    """The worth, with the differences at half of it and at double.

    Args:
        worth: of one action.
        comparisons: of its metric, in money at that worth.
        reader: of the sentence.
        currency: of the money.
    """
    others = [
        pb.MetricResult.AtOtherWorths(
            variant=comparison.variant,
            at_half=comparison.difference / 2,
            at_double=comparison.difference * 2,
        )
        for comparison in comparisons
        if comparison.HasField("difference")
    ]
    return pb.MetricResult.ActionWorth(
        action=worth.action,
        worth=worth.worth,
        calibrated=worth.is_calibrated,
        order_share=worth.order_share,
        average_ticket=worth.average_ticket,
        comparisons=others,
        sentence=" ".join(map(reader.text, _sentences(worth, others, currency))),
    )


def _sentences(
    worth: ActionWorth, others: Iterable[pb.MetricResult.AtOtherWorths], currency: str
) -> Iterator[Message]:
    action, amount = Verbatim(worth.action), Amount(worth.worth, currency)
    if worth.order_share is None or worth.average_ticket is None:
        yield Message.of("worth.given", action=action, worth=amount)
    else:
        yield Message.of(
            "worth.calibrated",
            action=action,
            worth=amount,
            share=Percent(worth.order_share, 1),
            ticket=Amount(worth.average_ticket, currency),
        )
    for other in others:
        yield Message.of(
            "worth.otherwise",
            variant=VariantName(other.variant),
            half=Amount(other.at_half, currency, signed=True),
            double=Amount(other.at_double, currency, signed=True),
        )
