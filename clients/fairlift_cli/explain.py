"""What audiences mean, for `fairlift check --explain`: in words, in short, and who is in two."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.short_form import literal, short_form
from fairlift.wire.campaign import campaign_from

from fairlift_cli.audience.checks import overlap
from fairlift_cli.audience.simplify import simplify
from fairlift_cli.audience.witnesses import CannotSay, Witness
from fairlift_cli.audience.words import in_words
from fairlift_cli.reader import Document
from fairlift_cli.text import clean

# Of each campaign; the others are only named.
_EXAMPLES = 5


def explained(documents: Iterable[Document]) -> str:
    """A paragraph for each campaign that was read whole: its audience, and who shares visitors."""
    campaigns = _whole(documents)
    return "\n".join(line for each in campaigns for line in _paragraph(each, campaigns))


def _whole(documents: Iterable[Document]) -> list[Campaign]:
    found: dict[str, Campaign] = {}
    for document in documents:
        if document.flagged:
            continue  # what was meant is not known
        try:
            campaign = campaign_from(document.message)
        except InvalidCampaign:
            continue  # told among the mistakes
        found.setdefault(campaign.id, campaign)
    return list(found.values())


def _paragraph(campaign: Campaign, campaigns: Sequence[Campaign]) -> Iterator[str]:
    yield clean(f"{campaign.id}: for {in_words(campaign.audience)}")
    short = short_form(simplify(campaign.audience))
    if len(short) < len(short_form(campaign.audience)):
        yield _part(f"in short: {short}")
    shared: dict[str, str] = {}
    for other in campaigns:
        if other is campaign or _are_apart(campaign, other):
            continue
        try:
            visitor = overlap(campaign.audience, other.audience)
        except CannotSay as reason:
            yield _part(f"cannot tell whether it shares visitors with {other.id}: {reason}")
            continue
        if visitor is not None:
            shared[other.id] = _example(visitor)
    told = [name for name, example in shared.items() if example][:_EXAMPLES]
    for name in told:
        yield _part(f"shares visitors with {name}, such as {shared[name]}")
    if others := [name for name in shared if name not in told]:
        yield _part(f"shares visitors with {', '.join(others)}")


def _part(text: str) -> str:
    """A line of the paragraph, as a terminal may show it."""
    return f"  {clean(text)}"


def _are_apart(one: Campaign, other: Campaign) -> bool:
    """Whether nobody is in both at one time, whatever their audiences."""
    # A visitor and the customer that they are have two places in a layer.
    if one.layer and other.layer and (one.unit, one.layer.layer) == (other.unit, other.layer.layer):
        return True
    return _ends_before(one, other) or _ends_before(other, one)


def _ends_before(one: Campaign, other: Campaign) -> bool:
    return bool(one.end_time and other.start_time and one.end_time <= other.start_time)


def _example(visitor: Mapping[str, Witness]) -> str:
    known = {name: value for name, value in visitor.items() if value is not None}
    return ", ".join(f"{name} {_value(value)}" for name, value in known.items())


def _value(value: Witness) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    return "" if value is None else literal(value)
