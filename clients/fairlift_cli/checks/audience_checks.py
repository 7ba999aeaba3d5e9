"""Audiences that match nobody or everybody, and attributes that nobody sends."""

from collections.abc import Iterator, Mapping

from fairlift.engine.audience import EVERYBODY, Condition, Exists, attributes, leaves
from fairlift.engine.campaign import AttributeType
from fairlift.engine.short_form import short_form

from fairlift_cli.audience.checks import (
    contradictions,
    is_true_known_or_not,
    is_true_where_known,
    mistyped,
    undeclared,
)
from fairlift_cli.checks.judgement import Judgement

_SHOWN = 80


def audience_judgements(
    audience: Condition, declared: Mapping[str, AttributeType]
) -> Iterator[Judgement]:
    """What is wrong with an audience; `declared` is empty where nothing is known of attributes."""
    if audience == EVERYBODY:
        return
    holds_where_known = is_true_where_known(audience)
    matches_everybody = holds_where_known and is_true_known_or_not(audience)
    for contradiction in contradictions(audience):
        if not contradiction.path:
            message = f"can never match a visitor: {contradiction}"
            yield Judgement("FL302", "audience", message)
        elif not matches_everybody:
            message = (
                f"has a part that never holds: {contradiction}; the other parts decide alone, so "
                "correct this one or remove it"
            )
            yield Judgement("FL308", f"audience.{contradiction.path}", message)
    if matches_everybody:
        text = _shortened(short_form(audience))
        yield Judgement(
            "FL303",
            "audience",
            f"matches every visitor: {text} is always true; leave the audience out, or write "
            "`everybody`",
        )
    elif holds_where_known and not any(isinstance(leaf, Exists) for leaf in leaves(audience)):
        known = " and ".join(f"exists({name})" for name in sorted(attributes(audience)))
        yield Judgement(
            "FL310",
            "audience",
            f"matches every visitor for whom {_shortened(known)} holds: one of its parts is true "
            "of any value; write that if it is meant, else join the parts by `and`",
        )
    if not declared:
        return
    for unknown in undeclared(audience, declared):
        hint = f"; did you mean {unknown.suggestion}?" if unknown.suggestion else ""
        message = f"uses {unknown.attribute}, which is not declared under attributes{hint}"
        yield Judgement("FL304", "audience", message)
    for mismatch in mistyped(audience, declared):
        yield Judgement("FL305", "audience", f"contains {mismatch}")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
