"""Who is who, and who entered the campaign in which variant."""

from collections.abc import Iterable
from dataclasses import dataclass

from .events import MINUTE, Campaign, Event, Exposure, Link


def people_of(events: Iterable[Event]) -> dict[str, str]:
    """The person behind each linked id: the first link by (time, customer), followed to the end.

    Ids that lead in a circle are one person, named by the smallest of them.
    """
    first: dict[str, Link] = {}
    for event in events:
        if isinstance(event, Link):
            known = first.get(event.visitor)
            if known is None or (event.at, event.customer) < (known.at, known.customer):
                first[event.visitor] = event
    owner = {visitor: link.customer for visitor, link in first.items()}
    people = {}
    for start in owner:
        path = [start]
        while path[-1] in owner and owner[path[-1]] not in path:
            path.append(owner[path[-1]])
        end = path[-1]
        if end in owner:  # A circle: it begins where the last step leads back to.
            end = min(path[path.index(owner[end]) :])
        people[start] = end
    return people


@dataclass(slots=True)
class Entry:
    """A person's first exposure."""

    person: str
    variant: str
    at: int
    contaminated: bool


def counts(exposure: Exposure, campaign: Campaign) -> bool:
    """Whether the exposure may be analysed, however it came."""
    return (
        exposure.campaign == campaign.id
        and exposure.epoch == campaign.epoch
        and exposure.unit not in campaign.overrides
        and exposure.at >= campaign.epoch_start - MINUTE
        and (campaign.stop is None or exposure.at < campaign.stop)
        and not any(start <= exposure.at < end for start, end in campaign.pauses)
    )


def entries_of(events: Iterable[Event], campaign: Campaign) -> list[Entry]:
    """One entry a person: the first exposure by (time, unit, variant).

    A unit that met two variants under one id is contaminated under every policy; a person who met
    two under several ids only under `exclude`.
    """
    events = list(events)
    people = {} if campaign.policy == "as_assigned" else people_of(events)
    met: dict[str, list[Exposure]] = {}
    for event in events:
        if isinstance(event, Exposure) and counts(event, campaign):
            met.setdefault(people.get(event.unit, event.unit), []).append(event)
    entries = []
    for person, exposures in met.items():
        first = min(exposures, key=lambda event: (event.at, event.unit, event.variant))
        by_id: dict[str, set[str]] = {}
        for exposure in exposures:
            by_id.setdefault(exposure.unit, set()).add(exposure.variant)
        mixed = any(len(variants) > 1 for variants in by_id.values())
        if campaign.policy == "exclude":
            mixed = mixed or len({exposure.variant for exposure in exposures}) > 1
        entries.append(Entry(person, first.variant, first.at, mixed))
    return entries
