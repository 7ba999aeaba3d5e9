"""What conditions mean, read straight from the contract: slow, plain, and written apart."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import zip_longest

from fairlift.engine import audience as a


def holds(condition: a.Condition, attributes: dict[str, object]) -> bool:
    match condition:
        case a.AllOf(parts):
            return all(holds(part, attributes) for part in parts)
        case a.AnyOf(parts):
            return any(holds(part, attributes) for part in parts)
        case a.Not(inner):
            return not holds(inner, attributes)
    found = attributes.get(condition.attribute)
    if found is None:
        return False
    if isinstance(found, datetime) and found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if isinstance(found, Decimal):
        found = float(found)
    match condition:
        case a.Exists():
            return True
        case a.Compare(_, op, value):
            return _compare(found, op, value)
        case a.In(_, values, negated):
            return any(_same(found, value) for value in values) != negated
        case a.Between(_, low, high):
            return _compare(found, a.CompareOp.GE, low) and _compare(found, a.CompareOp.LE, high)
        case a.Text(_, op, value):
            if isinstance(found, list):
                return op is a.TextOp.CONTAINS and value in found
            if not isinstance(found, str):
                return False
            at = found.find(value)
            return {
                a.TextOp.CONTAINS: at >= 0,
                a.TextOp.PREFIX: at == 0,
                a.TextOp.SUFFIX: found[len(found) - len(value) :] == value,
            }[op]
        case a.Version(_, op, value):
            if not isinstance(found, str) or (order := precedence(found, value)) is None:
                return False
            return _by_order(op, order)
    raise AssertionError(condition)


def precedence(one: str, other: str) -> int | None:
    """-1, 0 or 1 as semver.org 2.0.0, section 11, orders them; None when `one` is no version."""
    a, b = _release(one), _release(other)
    if a is None or b is None:
        return None
    if a[0] != b[0]:
        return 1 if a[0] > b[0] else -1
    # 11.3: a pre-release has lower precedence than the release.
    if (not a[1]) != (not b[1]):
        return 1 if not a[1] else -1
    for x, y in zip_longest(a[1], b[1]):
        if x == y:
            continue
        if x is None or y is None:  # 11.4.4: a larger set of fields has a higher precedence
            return -1 if x is None else 1
        if x.isdigit() != y.isdigit():  # 11.4.3: numeric is below alphanumeric
            return -1 if x.isdigit() else 1
        if x.isdigit():
            if int(x) == int(y):
                continue
            return 1 if int(x) > int(y) else -1
        return 1 if x > y else -1
    return 0


def _release(text: str) -> tuple[list[int], list[str]] | None:
    text = text.removeprefix("v").split("+")[0]
    core, dash, pre = text.partition("-")
    numbers = core.split(".")
    if not 1 <= len(numbers) <= 3 or not all(n.isascii() and n.isdigit() for n in numbers):
        return None
    if dash and not pre:
        return None
    return [int(n) for n in [*numbers, "0", "0"][:3]], pre.split(".") if pre else []


def _compare(found: object, op: a.CompareOp, value: object) -> bool:
    if op is a.CompareOp.EQ:
        return _same(found, value)
    if op is a.CompareOp.NE:
        return not _same(found, value)
    if isinstance(found, bool) or not _kind(found) == _kind(value) != "other":
        return False
    if found != found:  # a NaN is in no order
        return False
    # Values of one kind can be compared; mypy does not see that they are.
    return _by_order(op, (found > value) - (found < value))  # type: ignore[operator]


def _same(found: object, value: object) -> bool:
    return _kind(found) == _kind(value) and found == value


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, datetime):
        return "time"
    return "text" if isinstance(value, str) else "other"


def _by_order(op: a.CompareOp, order: int) -> bool:
    return {
        a.CompareOp.EQ: order == 0,
        a.CompareOp.NE: order != 0,
        a.CompareOp.LT: order < 0,
        a.CompareOp.LE: order <= 0,
        a.CompareOp.GT: order > 0,
        a.CompareOp.GE: order >= 0,
    }[op]
