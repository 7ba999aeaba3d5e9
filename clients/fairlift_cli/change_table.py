"""Prints what applying campaign files would do: a row for each change, then its fields."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_ARCHIVED
from fairlift.v1.campaign_service_pb2 import (
    CHANGE_CLASS_CREATE,
    CHANGE_CLASS_NEW_EPOCH,
    CHANGE_CLASS_NONE,
    CHANGE_CLASS_REFUSED,
    CHANGE_CLASS_SAFE,
    CampaignChange,
    ChangeClass,
)
from fairlift.wire.campaign import campaign_id

from fairlift_cli.campaign_commands import state_word
from fairlift_cli.change_words import field_in_words
from fairlift_cli.screen import Screen, plain_table

if TYPE_CHECKING:
    # The engine takes a moment to import, and most files change nothing.
    from fairlift_cli.change_effect import ChangeEffect
    from fairlift_cli.pruning import Unnamed

_WORDS: dict[ChangeClass.ValueType, tuple[str, str]] = {
    CHANGE_CLASS_NONE: ("unchanged", "dim"),
    CHANGE_CLASS_CREATE: ("new", "green"),
    CHANGE_CLASS_SAFE: ("safe", "green"),
    CHANGE_CLASS_NEW_EPOCH: ("new epoch", "yellow"),
    CHANGE_CLASS_REFUSED: ("refused", "red"),
}


def show_changes(
    screen: Screen, changes: Sequence[CampaignChange], effects: "Mapping[str, ChangeEffect]"
) -> None:
    """Prints each change with its class and effect, by name, then the fields that change."""
    changed = [each for each in changes if _is_shown(each)]
    if changed:
        table = plain_table(("Campaign", "left"), ("Change", "left"), ("Effect", "left"))
        for column in table.columns[:2]:
            column.no_wrap = True
        for each in changed:
            word, style = _WORDS[each.change_class]
            if each.state == CAMPAIGN_STATE_ARCHIVED:
                word, style = "archived", "red"
            effect = _effect(each, effects.get(each.campaign))
            table.add_row(screen.safe(_id(each)), word, screen.safe(effect), style=style)
        screen.table(table)
    for each in changed:
        if each.changes:
            screen.line()
            screen.line(_id(each), style="bold")
            _show_fields(screen, each)
    if unchanged := len(changes) - len(changed):
        if changed:
            screen.line()
        screen.line(f"{unchanged} campaign{'s are' if unchanged > 1 else ' is'} unchanged.")


def show_unnamed(screen: Screen, unnamed: "Sequence[Unnamed]") -> None:
    """Prints the campaigns that no file names, and what pruning does to each."""
    if not unnamed:
        screen.line("Every campaign of the server is in the files: nothing to prune.")
        return
    table = plain_table(("No file names", "left"), ("State", "left"), ("Prune", "left"))
    for column in table.columns[:2]:
        column.no_wrap = True
    for each in unnamed:
        name = campaign_id(each.campaign.name)
        does = f"stays: {each.kept}" if each.kept else "archived; its results are kept"
        table.add_row(screen.safe(name), state_word(each.campaign.state), screen.safe(does))
    screen.line()
    screen.table(table)


def effect_in_words(effect: "ChangeEffect", entered: int) -> str:
    """What the change does, in a sentence that says of whom it is known.

    Args:
        effect: over a sample.
        entered: units that have entered so far; 0 when it is not known.
    """
    unit = effect.unit
    if not effect.were_in and not effect.joined:
        source = effect.source.name if effect.source else f"{effect.sampled:,} simulated"
        hint = "" if effect.source else "; --visitors FILE counts your own"
        return f"not known: none of the {unit}s is in the campaign ({source}){hint}"
    moves, leaves = "would change variant", "would leave"
    if effect.source is not None:
        base, source = f"{effect.were_in:,} {unit}s in the campaign", effect.source.name
        counts = (f"{effect.moved:,} of {base}", f"{effect.left:,} of {base}")
        others = effect.sampled - effect.were_in
        joins = f"{effect.joined:,} of {others:,} others would enter"
    else:
        source = f"{effect.sampled:,} simulated"
        moved, left = effect.share_of_members(effect.moved), effect.share_of_members(effect.left)
        counts = (f"{moved:.1%} of the {unit}s in it", f"{left:.1%} of the {unit}s in it")
        if entered:
            source = f"estimated on {source}"
            base = f"the {entered:,} {unit}s so far"
            counts = (
                f"{round(entered * moved):,} of {base}",
                f"{round(entered * left):,} of {base}",
            )
        joined = effect.joined / effect.sampled if effect.sampled else 0.0
        joins = f"{joined:.1%} of the audience would enter who are not in it now"
    parts = [
        f"{count} {does}"
        for count, does, of in ((counts[0], moves, effect.moved), (counts[1], leaves, effect.left))
        if of
    ] or [f"no {unit} would change variant"]
    if effect.joined:
        parts.append(joins)
    text = f"{', '.join(parts)} ({source})"
    if effect.is_of_both:
        text += (
            f"; {unit}s in only one of the two audiences are not counted: "
            "--visitors FILE counts them"
        )
    return text


def _effect(change: CampaignChange, effect: "ChangeEffect | None") -> str:
    if effect is not None:
        return effect_in_words(effect, change.entered_units)
    if change.state == CAMPAIGN_STATE_ARCHIVED:
        return "no visitor sees it any more, and it cannot come back"
    match change.change_class:
        case ChangeClass.CHANGE_CLASS_CREATE:
            return "a draft; no visitor sees it until `fairlift start`"
        case ChangeClass.CHANGE_CLASS_REFUSED:
            return "changes the rules of an experiment that has started"
    return "no visitor is affected"


def _is_shown(change: CampaignChange) -> bool:
    return change.change_class != CHANGE_CLASS_NONE or change.state == CAMPAIGN_STATE_ARCHIVED


def _show_fields(screen: Screen, change: CampaignChange) -> None:
    for field in change.changes:
        reason = f" ({_WORDS[field.change_class][0]}: {field.reason})" if field.reason else ""
        screen.line(f"{field_in_words(screen, field)}{reason}", indent=2)


def _id(change: CampaignChange) -> str:
    return campaign_id(change.campaign)
