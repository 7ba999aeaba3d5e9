"""Parses the short form of an audience, one line for people, into the tree of conditions.

    country in ["ES", "RO"] and cart_value >= 30 and not returning

`or` binds weakest, then `and`, then `not`; parentheses group. A bare attribute is `== true`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import NoReturn, TypeVar

from fairlift.engine.audience import (
    EVERYBODY,
    NOBODY,
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
    children,
)
from fairlift.engine.errors import InvalidAudience, InvalidCampaign
from fairlift.engine.short_form import RESERVED

from fairlift_cli.audience.parts import parts

MAX_AUDIENCE_TEXT = 400_000
MAX_NESTING = 64
# Python reads no integer of more than 4,300 digits; one of 400 is no number of a visitor.
_MAX_DIGITS = 400

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?)?)
    | (?P<number>-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_.]*|`[^`]*`)
    | (?P<sign>==|!=|<=|>=|[<>()\[\],])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HINTS = {
    "=": 'write "==" to compare',
    "&": 'write "and"',
    "|": 'write "or"',
    "!": 'write "not" before a condition, or "!=" between two values',
    '"': "the text has no closing quote",
    "'": "the text has no closing quote",
    "`": "the name has no closing `",
    "~": "patterns are not supported; use contains, starts_with or ends_with",
}

_COMPARISONS = {op.value: op for op in CompareOp}
_TEXT_OPS = {op.value: op for op in TextOp}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(text: str, audiences: Mapping[str, Condition] = MappingProxyType({})) -> Condition:
    """The condition that the short form describes; `audiences` may be used in it by their names.

    Raises:
        InvalidAudience: it has a mistake; `position` is the character where it is.

    >>> parse('cart_value >= 30 and not returning').conditions[0]
    Compare(attribute='cart_value', op=<CompareOp.GE: '>='>, value=30)
    """
    return _Parser(text, audiences).audience()


def parse_with_places(
    text: str, audiences: Mapping[str, Condition] = MappingProxyType({})
) -> tuple[Condition, dict[str, int]]:
    """The condition as `parse` gives it, and where its parts begin, by their field paths.

    Parts are the branches of each `or`, and what stands after a `not`, unless they are conditions
    on one attribute. What lies in a shared audience stands at the part around it.

    Raises:
        InvalidAudience: as `parse`.
    """
    parser = _Parser(text, audiences)
    condition = parser.audience()
    places: dict[str, int] = {}
    for part in parts(condition):
        if children(part.condition):
            above = places.get(part.above, 0)
            places[part.path] = parser.starts.get(id(part.condition), above)
    return condition, places


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, text: str, audiences: Mapping[str, Condition]) -> None:
        self._text = text
        self._audiences = audiences
        self._nesting = 0
        # By id(): they are in one tree, which keeps them.
        self.starts: dict[int, int] = {}
        self._token = _Token("end", "", 0)
        if len(text) > MAX_AUDIENCE_TEXT:
            self._fail(
                f"has {len(text)} characters, must have at most {MAX_AUDIENCE_TEXT}",
                MAX_AUDIENCE_TEXT,
            )
        self._advance(0)

    def audience(self) -> Condition:
        condition = self._or()
        if self._token.kind != "end":
            self._fail(f'{self._current()} is not expected; join conditions by "and" or "or"')
        return condition

    def _or(self) -> Condition:
        return self._joined("or", self._and, AnyOf)

    def _and(self) -> Condition:
        return self._joined("and", self._not, AllOf)

    def _joined(
        self, word: str, part: Callable[[], Condition], join: type[AllOf] | type[AnyOf]
    ) -> Condition:
        start = self._token.position
        conditions = [self._placed(part)]
        while self._accept("name", word):
            conditions.append(self._placed(part))
        if len(conditions) == 1:
            return conditions[0]
        return self._build(start, lambda: join(tuple(conditions)))

    def _placed(self, rule: Callable[[], Condition]) -> Condition:
        start = self._token.position
        condition = rule()
        self.starts[id(condition)] = start
        return condition

    def _not(self) -> Condition:
        start = self._token.position
        if self._accept("name", "not"):
            inner = self._placed(lambda: self._nested(self._not))
            return self._build(start, lambda: Not(inner))
        if self._accept("sign", "("):
            inner = self._nested(self._or)
            self._expect("sign", ")", 'the parenthesis is not closed; add ")"')
            return inner
        return self._leaf()

    def _nested(self, rule: Callable[[], Condition]) -> Condition:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self._fail(f"is nested more than {MAX_NESTING} deep")
        inner = rule()
        self._nesting -= 1
        return inner

    def _leaf(self) -> Condition:
        start = self._token
        if self._accept("name", "everybody"):
            return EVERYBODY
        if self._accept("name", "nobody"):
            return NOBODY
        name = self._attribute()
        if start.text == "audience" and self._accept("sign", "("):
            return self._shared()
        if start.text in ("exists", "version") and self._accept("sign", "("):
            inner_start = self._token.position
            inner = self._attribute()
            self._expect("sign", ")", f'{start.text}({inner} must be closed by ")"')
            if start.text == "exists":
                return self._build(inner_start, lambda: Exists(inner))
            op = self._comparison("version(…) must be followed by ==, !=, <, <=, > or >=")
            positions = {"value": self._token.position}
            value = self._string()
            return self._build(inner_start, lambda: Version(inner, op, value), positions)
        if self._token.text == "(" and self._token.kind == "sign":
            known = "exists(…), version(…) and audience(…)"
            self._fail(f"{name}(…) is not known; known are {known}", start.position)
        return self._relation(start.position, name)

    def _shared(self) -> Condition:
        """A condition that a file of shared audiences defines."""
        token = self._token
        name = self._attribute()
        if name not in self._audiences:
            near = get_close_matches(name, self._audiences, 1)
            hint = f"did you mean {near[0]}?" if near else "define it in audiences.yaml"
            self._fail(f"audience({name}) is not defined; {hint}", token.position)
        self._expect("sign", ")", f'audience({name} must be closed by ")"')
        return self._audiences[name]

    def _relation(self, start: int, name: str) -> Condition:
        token = self._token
        if token.text in _COMPARISONS:
            op = self._comparison("")
            positions = {"value": self._token.position}
            value = self._scalar()
            return self._build(start, lambda: Compare(name, op, value), positions)
        if token.text in _TEXT_OPS:
            self._advance()
            positions = {"value": self._token.position}
            value_text = self._string()
            return self._build(
                start, lambda: Text(name, _TEXT_OPS[token.text], value_text), positions
            )
        if self._accept("name", "between"):
            return self._between(start, name)
        negated = self._accept("name", "not")
        if self._accept("name", "in"):
            values, positions = self._list()
            return self._build(start, lambda: In(name, values, negated), positions)
        if negated:
            self._fail(f'{self._current()} is not expected after "{name} not"; it must be "in"')
        return self._build(start, lambda: Compare(name, CompareOp.EQ, True))

    def _between(self, start: int, name: str) -> Condition:
        positions = {"low": self._token.position}
        low = self._scalar()
        self._expect("name", "and", 'write "between 30 and 50"')
        positions["high"] = self._token.position
        high = self._scalar()
        # Between itself refuses what cannot be ordered.
        return self._build(start, lambda: Between(name, low, high), positions)  # type: ignore[arg-type]

    def _list(self) -> tuple[tuple[Scalar, ...], dict[str, int]]:
        """The values, and their positions by the field names of In."""
        positions = {"values": self._token.position}
        self._expect("sign", "[", 'write a list as ["ES", "RO"]')
        values: list[Scalar] = []
        while not self._accept("sign", "]"):
            positions[f"values[{len(values)}]"] = self._token.position
            values.append(self._scalar())
            if not self._accept("sign", ","):
                self._expect(
                    "sign", "]", 'separate the values of a list by commas, and end it with "]"'
                )
                break
        return tuple(values), positions

    def _attribute(self) -> str:
        token = self._token
        if token.kind != "name" or token.text in RESERVED:
            self._fail(f"{self._current()} is not expected here; it must be an attribute")
        self._advance()
        return token.text.strip("`")

    def _comparison(self, message: str) -> CompareOp:
        token = self._token
        if token.text not in _COMPARISONS:
            self._fail(f"{self._current()} is not expected; {message}")
        self._advance()
        return _COMPARISONS[token.text]

    def _string(self) -> str:
        token = self._token
        if token.kind != "text":
            self._fail(f'{self._current()} must be a text in quotes, such as "{token.text}"')
        self._advance()
        return _unquoted(token.text)

    def _scalar(self) -> Scalar:
        token = self._token
        if token.kind == "text":
            return self._string()
        self._advance()
        if token.kind == "number":
            is_whole = token.text.lstrip("-").isdigit() and len(token.text) < _MAX_DIGITS
            return int(token.text) if is_whole else float(token.text)
        if token.text in ("true", "false"):
            return token.text == "true"
        if token.kind == "time":
            return self._time(token)
        hint = f'; a text needs quotes: "{token.text}"' if token.kind == "name" else ""
        if token.text.lower() in ("true", "false"):
            hint = f"; did you mean {token.text.lower()}?"
        return self._fail(f"{_described(token)} is not a value{hint}", token.position)

    def _time(self, token: _Token) -> datetime:
        try:
            time = datetime.fromisoformat(token.text)
        except ValueError:
            self._fail(f"{token.text} is not a time; write 2026-11-27T08:00:00Z", token.position)
        if time.tzinfo is None:
            return time if "T" in token.text else time.replace(tzinfo=UTC)
        try:
            time.astimezone(UTC)
        except OverflowError:
            self._fail(f"{token.text} is outside of the years 1 to 9999 in UTC", token.position)
        return time

    def _accept(self, kind: str, text: str) -> bool:
        if self._token.kind != kind or self._token.text != text:
            return False
        self._advance()
        return True

    def _expect(self, kind: str, text: str, message: str) -> None:
        if not self._accept(kind, text):
            self._fail(f"{self._current()} is not expected; {message}")

    def _advance(self, position: int | None = None) -> None:
        start = self._token.position + len(self._token.text) if position is None else position
        match = _TOKEN.match(self._text, start)
        if match is None:
            while self._text[start] in " \t\r\n\f\v":  # as \s in the pattern
                start += 1
            sign = self._text[start]
            self._fail(f"{sign!r} is not allowed here: {_HINTS.get(sign, 'remove it')}", start)
        kind = match.lastgroup or "end"
        self._token = _Token(kind, match[kind], match.start(kind))

    def _current(self) -> str:
        return _described(self._token)

    def _build(
        self, start: int, make: Callable[[], T], positions: Mapping[str, int] = MappingProxyType({})
    ) -> T:
        """Builds a condition; an error points at the position of the field that breaks a rule."""
        try:
            return make()
        except InvalidCampaign as error:
            violation = error.violations[0]
            position = positions.get(violation.field, start)
            self._fail(f"{violation.field} {violation.message}".strip(), position)

    def _fail(self, message: str, position: int | None = None) -> NoReturn:
        where = self._token.position if position is None else position
        raise InvalidAudience(message, text=self._text, position=where) from None


def _described(token: _Token) -> str:
    if token.kind == "end":
        return "the end"
    return token.text if token.kind == "text" else f'"{token.text}"'


def _unquoted(token: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(character, token[1:-1])
