"""Explains audiences for `fairlift check --explain`: in words, shortened, and which overlap."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.short_form import literal, short_form
from fairlift.wire.campaign import campaign_from

from fairlift_cli.audience.checks import overlap
from fairlift_cli.audience.example_values import ExampleValue, Undecidable
from fairlift_cli.audience.shared_visitors import are_apart
from fairlift_cli.audience.simplify import simplify
from fairlift_cli.audience.words import in_words
from fairlift_cli.reader import Document
from fairlift_cli.text import clean

# Examples per campaign; further campaigns are only named.
_EXAMPLES = 5


def explanation_of(documents: Iterable[Document]) -> str:
    """A paragraph for each valid campaign: its audience, and which campaigns share visitors."""
    campaigns = _valid_campaigns(documents)
    return "\n".join(line for campaign in campaigns for line in _paragraph(campaign, campaigns))


def _valid_campaigns(documents: Iterable[Document]) -> list[Campaign]:
    campaigns: dict[str, Campaign] = {}
    for document in documents:
        if document.flagged:
            continue  # it has mistakes, so its meaning is not known
        try:
            campaign = campaign_from(document.message)
        except InvalidCampaign:
            continue  # the check lists its mistakes
        campaigns.setdefault(campaign.id, campaign)
    return list(campaigns.values())


def _paragraph(campaign: Campaign, campaigns: Sequence[Campaign]) -> Iterator[str]:
    yield clean(f"{campaign.id}: for {in_words(campaign.audience)}")
    short = short_form(simplify(campaign.audience))
    if len(short) < len(short_form(campaign.audience)):
        yield _indented(f"in short: {short}")
    shared: dict[str, str] = {}
    for other in campaigns:
        if other is campaign or are_apart(campaign, other):
            continue
        try:
            visitor = overlap(campaign.audience, other.audience)
        except Undecidable as reason:
            yield _indented(f"cannot tell whether it shares visitors with {other.id}: {reason}")
            continue
        if visitor is not None:
            shared[other.id] = _example(visitor)
    with_example = [name for name, example in shared.items() if example][:_EXAMPLES]
    for name in with_example:
        yield _indented(f"shares visitors with {name}, such as {shared[name]}")
    if without_example := [name for name in shared if name not in with_example]:
        yield _indented(f"shares visitors with {', '.join(without_example)}")


def _indented(text: str) -> str:
    """An indented line, without control characters."""
    return f"  {clean(text)}"


def _example(visitor: Mapping[str, ExampleValue]) -> str:
    attributes = {name: value for name, value in visitor.items() if value is not None}
    return ", ".join(f"{name} {_value(value)}" for name, value in attributes.items())


def _value(value: ExampleValue) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    return "" if value is None else literal(value)
