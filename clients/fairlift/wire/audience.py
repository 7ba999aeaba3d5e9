"""Conditions."""

from typing import assert_never

from fairlift.engine.audience import (
    MAX_CONDITION_DEPTH,
    MAX_NODES,
    AllOf,
    AnyOf,
    Between,
    Compare,
    CompareOp,
    Condition,
    Exists,
    In,
    Not,
    Scalar,
    Text,
    TextOp,
    Version,
)
from fairlift.engine.errors import InvalidCampaign, Violation
from fairlift.v1 import audience_pb2 as pb
from fairlift.v1.value_pb2 import Value
from fairlift.wire.enums import EnumTable
from fairlift.wire.values import value_from, value_to

_COMPARE = EnumTable(CompareOp, pb.Comparison, "COMPARISON")
_TEXT = EnumTable(TextOp, pb.Text.Op, "OP")


def condition_from(message: pb.Condition) -> Condition:
    """The condition.

    Raises:
        InvalidCampaign: at the first node that breaks a rule, by its path.
    """
    if not _within_budget(message):
        rule = f"must have at most {MAX_NODES} conditions in {MAX_CONDITION_DEPTH} levels"
        raise InvalidCampaign([Violation("", f"is too large: {rule}; join values with `in`")])
    return _condition(message, "")


def _within_budget(message: pb.Condition) -> bool:
    # Counted without recursion: a message may be deeper than Python's stack allows.
    todo, nodes = [(message, 1)], 0
    while todo:
        node, level = todo.pop()
        nodes += 1
        if level > MAX_CONDITION_DEPTH or nodes > MAX_NODES:
            return False
        match node.WhichOneof("kind"):
            case "all_of":
                todo += [(child, level + 1) for child in node.all_of.conditions]
            case "any_of":
                todo += [(child, level + 1) for child in node.any_of.conditions]
            case "not":
                todo.append((getattr(node, "not"), level + 1))
    return True


def _condition(message: pb.Condition, path: str) -> Condition:
    kind = message.WhichOneof("kind")
    here = f"{path}.{kind}" if path else str(kind)
    match kind:
        case "all_of":
            return AllOf(_conditions(message.all_of, here))
        case "any_of":
            return AnyOf(_conditions(message.any_of, here))
        case "not":
            return Not(_condition(getattr(message, "not"), here))
        case None:
            raise InvalidCampaign([Violation(path, "is empty; leave the audience out instead")])
        case _:
            try:
                return _leaf(message, kind)
            except InvalidCampaign as error:
                raise error.below(here) from None


def _conditions(message: pb.ConditionList, path: str) -> tuple[Condition, ...]:
    return tuple(
        _condition(child, f"{path}.conditions[{index}]")
        for index, child in enumerate(message.conditions)
    )


def _leaf(message: pb.Condition, kind: str) -> Condition:
    match kind:
        case "compare":
            node = message.compare
            op = _COMPARE.need(node.op, "op")
            return Compare(node.attribute, op, _scalar(node.value, "value"))
        case "in":
            listed: pb.In = getattr(message, "in")
            values = (_scalar(value, f"values[{i}]") for i, value in enumerate(listed.values))
            return In(listed.attribute, tuple(values), listed.negated)
        case "between":
            bounds = message.between
            low, high = _scalar(bounds.low, "low"), _scalar(bounds.high, "high")
            # The class checks that both can be ordered.
            return Between(bounds.attribute, low, high)  # type: ignore[arg-type]
        case "text":
            text = message.text
            return Text(text.attribute, _TEXT.need(text.op, "op"), text.value)
        case "version":
            version = message.version
            return Version(version.attribute, _COMPARE.need(version.op, "op"), version.value)
        case _:
            return Exists(message.exists.attribute)


def _scalar(message: Value, field: str) -> Scalar:
    value = value_from(message)
    if value is None or isinstance(value, tuple):
        found = "is missing" if value is None else "is a list"
        message_text = f"{found}, must be one text, number, true, false or time"
        raise InvalidCampaign([Violation(field, message_text)])
    return value


def condition_to(condition: Condition) -> pb.Condition:
    """The condition as a message."""
    match condition:
        case AllOf(conditions):
            return pb.Condition(all_of=_list(conditions))
        case AnyOf(conditions):
            return pb.Condition(any_of=_list(conditions))
        case Not(inner):
            # `not` and `in` are Python's own words, hence getattr.
            message = pb.Condition()
            getattr(message, "not").CopyFrom(condition_to(inner))
            return message
        case Compare(attribute, op, value):
            node = pb.Compare(attribute=attribute, op=_COMPARE.to(op), value=value_to(value))
            return pb.Condition(compare=node)
        case In(attribute, values, negated):
            listed = pb.In(attribute=attribute, values=map(value_to, values), negated=negated)
            message = pb.Condition()
            getattr(message, "in").CopyFrom(listed)
            return message
        case Between(attribute, low, high):
            bounds = pb.Between(attribute=attribute, low=value_to(low), high=value_to(high))
            return pb.Condition(between=bounds)
        case Text(attribute, text_op, text):
            return pb.Condition(text=pb.Text(attribute=attribute, op=_TEXT.to(text_op), value=text))
        case Version(attribute, op, version):
            compared = pb.VersionCompare(attribute=attribute, op=_COMPARE.to(op), value=version)
            return pb.Condition(version=compared)
        case Exists(attribute):
            return pb.Condition(exists=pb.Exists(attribute=attribute))
        case _:
            assert_never(condition)


def _list(conditions: tuple[Condition, ...]) -> pb.ConditionList:
    return pb.ConditionList(conditions=map(condition_to, conditions))
