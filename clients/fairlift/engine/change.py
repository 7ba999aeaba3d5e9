"""What a change to a campaign would do to its experiment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from enum import IntEnum

from fairlift.engine.campaign import BPS, Campaign, State
from fairlift.engine.equality import is_same
from fairlift.engine.file_form import file_form, percent


class ChangeClass(IntEnum):
    """How grave a change is; the gravest of several counts."""

    NONE = 1
    CREATE = 2
    SAFE = 3
    NEW_EPOCH = 4
    REFUSED = 5


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs, how grave that is, and why."""

    field: str
    before: str
    after: str
    change_class: ChangeClass
    reason: str


_MIXES = "{units} before and after would be different experiments"
_SEALED = "the plan was sealed when the campaign started"
_OPEN = "open_ended"
_SHOWN = "changes nothing that is measured"

# Field, how to read it, the class of its change in a started campaign, and why.
_FIELDS: tuple[tuple[str, Callable[[Campaign], object], ChangeClass, str], ...] = (
    ("display_name", lambda c: c.display_name, ChangeClass.SAFE, _SHOWN),
    ("description", lambda c: c.description, ChangeClass.SAFE, _SHOWN),
    ("labels", lambda c: dict(c.labels), ChangeClass.SAFE, _SHOWN),
    ("attributes", lambda c: dict(c.attributes), ChangeClass.SAFE, _SHOWN),
    ("overrides", lambda c: dict(c.overrides), ChangeClass.SAFE, "such units are never analysed"),
    ("schedule.end_time", lambda c: c.end_time, ChangeClass.SAFE, "the plan still says when"),
    ("schedule.start_time", lambda c: c.start_time, ChangeClass.REFUSED, "it has started"),
    ("audience", lambda c: c.audience, ChangeClass.NEW_EPOCH, _MIXES),
    ("layer", lambda c: c.layer, ChangeClass.NEW_EPOCH, _MIXES),
    ("prerequisites", lambda c: c.prerequisites, ChangeClass.NEW_EPOCH, _MIXES),
    ("unit", lambda c: c.unit, ChangeClass.REFUSED, "what is randomised cannot change"),
    ("time_zone", lambda c: c.time_zone, ChangeClass.REFUSED, "it would move days between weeks"),
    ("currency_code", lambda c: c.currency_code, ChangeClass.REFUSED, "sums would mix currencies"),
)


def changes(before: Campaign, after: Campaign) -> tuple[FieldChange, ...]:
    """The fields in which two versions of one campaign differ, each with its class.

    Before the start everything is safe; after the end only words may change.
    """
    differing = (
        *_field_changes(before, after),
        *_traffic(before, after),
        *_variants(before, after),
        *_plan(before, after),
    )
    units = f"{before.unit}s"
    found = tuple(replace(each, reason=each.reason.format(units=units)) for each in differing)
    match before.lifecycle.state:
        case State.DRAFT:
            return tuple(_as(change, ChangeClass.SAFE, "it has not started") for change in found)
        case State.STOPPED | State.ARCHIVED:
            return tuple(
                change
                if change.field in {"display_name", "description", "labels"}
                else _as(change, ChangeClass.REFUSED, "it has ended")
                for change in found
            )
        case _:
            return found


def gravest(found: tuple[FieldChange, ...]) -> ChangeClass:
    """The class of the whole change."""
    return max((change.change_class for change in found), default=ChangeClass.NONE)


def _field_changes(before: Campaign, after: Campaign) -> Iterator[FieldChange]:
    for path, read, change_class, reason in _FIELDS:
        old, new = read(before), read(after)
        if not is_same(old, new):
            yield FieldChange(path, _shown(old), _shown(new), change_class, reason)


def _traffic(before: Campaign, after: Campaign) -> Iterator[FieldChange]:
    old, new = (campaign.traffic_bps for campaign in (before, after))
    if new == old:
        return
    change_class, reason = ChangeClass.SAFE, "more traffic moves no one to another variant"
    if new < old:
        change_class = ChangeClass.NEW_EPOCH
        reason = "{units} who were in the campaign would leave it, and would still be counted"
    was, is_ = (percent(bps / BPS) for bps in (old, new))
    yield FieldChange("traffic_bps", was, is_, change_class, reason)


def _variants(before: Campaign, after: Campaign) -> Iterator[FieldChange]:
    olds, news = ([variant.id for variant in c.variants] for c in (before, after))
    if olds != news:
        yield FieldChange(
            "variants", ", ".join(olds), ", ".join(news), ChangeClass.NEW_EPOCH, _MIXES
        )
        return
    if before.control.id != after.control.id:
        reason = "the sealed plan compares with the control"
        yield FieldChange(
            "variants", before.control.id, after.control.id, ChangeClass.REFUSED, reason
        )
    for index, (old, new) in enumerate(zip(before.variants, after.variants, strict=True)):
        for name, change_class, reason in (
            ("weight", ChangeClass.NEW_EPOCH, "{units} would move between variants"),
            ("payload", ChangeClass.NEW_EPOCH, _MIXES),
            ("display_name", ChangeClass.SAFE, _SHOWN),
        ):
            was, is_ = getattr(old, name), getattr(new, name)
            if not is_same(was, is_):
                path = f"variants[{index}].{name}"
                yield FieldChange(path, _shown(was), _shown(is_), change_class, reason)


def _plan(before: Campaign, after: Campaign) -> Iterator[FieldChange]:
    old, new = before.plan, after.plan
    if old is None or new is None:
        was, is_ = ("absent" if plan is None else "given" for plan in (old, new))
        if was != is_:
            yield FieldChange("plan", was, is_, ChangeClass.REFUSED, _SEALED)
        return
    for field in fields(old):
        was, is_ = getattr(old, field.name), getattr(new, field.name)
        if was != is_:
            path = f"plan.{field.name}"
            if field.name == "window_days":
                was, is_ = (_OPEN if days is None else days for days in (was, is_))
            yield FieldChange(path, _shown(was), _shown(is_), ChangeClass.REFUSED, _SEALED)


def _as(change: FieldChange, change_class: ChangeClass, reason: str) -> FieldChange:
    return replace(change, change_class=change_class, reason=reason)


def _shown(value: object) -> str:
    """As a campaign file would say it, short."""
    text = file_form(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
