"""Parses the short form of an audience, one line for people, into the tree of conditions.

    country in ["ES", "RO"] and cart_value >= 30 and not returning

`or` binds weakest, then `and`, then `not`; parentheses group. A bare attribute is `== true`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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
)
from fairlift.engine.errors import InvalidAudience, InvalidCampaign
from fairlift.engine.short_form import RESERVED

MAX_LENGTH = 400_000
MAX_NESTING = 64

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


def parse(text: str) -> Condition:
    """The condition that the short form describes.

    Raises:
        InvalidAudience: it describes none; `position` is the character where it goes wrong.

    >>> parse('cart_value >= 30 and not returning').conditions[0]
    Compare(attribute='cart_value', op=<CompareOp.GE: '>='>, value=30)
    """
    return _Parser(text).whole()


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nesting = 0
        self._token = _Token("end", "", 0)
        if len(text) > MAX_LENGTH:
            self._fail(f"has {len(text)} characters, must have at most {MAX_LENGTH}", MAX_LENGTH)
        self._advance(0)

    def whole(self) -> Condition:
        condition = self._or()
        if self._token.kind != "end":
            self._fail(f'{self._found()} is not expected; join conditions by "and" or "or"')
        return condition

    def _or(self) -> Condition:
        return self._joined("or", self._and, AnyOf)

    def _and(self) -> Condition:
        return self._joined("and", self._not, AllOf)

    def _joined(
        self, word: str, part: Callable[[], Condition], join: type[AllOf] | type[AnyOf]
    ) -> Condition:
        start = self._token.position
        conditions = [part()]
        while self._accept("name", word):
            conditions.append(part())
        if len(conditions) == 1:
            return conditions[0]
        return self._made(start, lambda: join(tuple(conditions)))

    def _not(self) -> Condition:
        start = self._token.position
        if self._accept("name", "not"):
            inner = self._nested(self._not)
            return self._made(start, lambda: Not(inner))
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
        if start.text in ("exists", "version") and self._accept("sign", "("):
            at = self._token.position
            inner = self._attribute()
            self._expect("sign", ")", f'{start.text}({inner} must be closed by ")"')
            if start.text == "exists":
                return self._made(at, lambda: Exists(inner))
            op = self._comparison("version(…) must be followed by ==, !=, <, <=, > or >=")
            places = {"value": self._token.position}
            value = self._string()
            return self._made(at, lambda: Version(inner, op, value), places)
        return self._relation(start.position, name)

    def _relation(self, start: int, name: str) -> Condition:
        token = self._token
        if token.text in _COMPARISONS:
            op = self._comparison("")
            places = {"value": self._token.position}
            value = self._scalar()
            return self._made(start, lambda: Compare(name, op, value), places)
        if token.text in _TEXT_OPS:
            self._advance()
            places = {"value": self._token.position}
            wanted = self._string()
            return self._made(start, lambda: Text(name, _TEXT_OPS[token.text], wanted), places)
        if self._accept("name", "between"):
            return self._between(start, name)
        negated = self._accept("name", "not")
        if self._accept("name", "in"):
            values, places = self._list()
            return self._made(start, lambda: In(name, values, negated), places)
        if negated:
            self._fail(f'{self._found()} is not expected after "{name} not"; it must be "in"')
        return self._made(start, lambda: Compare(name, CompareOp.EQ, True))

    def _between(self, start: int, name: str) -> Condition:
        places = {"low": self._token.position}
        low = self._scalar()
        self._expect("name", "and", 'write "between 30 and 50"')
        places["high"] = self._token.position
        high = self._scalar()
        # Between itself refuses what cannot be ordered.
        return self._made(start, lambda: Between(name, low, high), places)  # type: ignore[arg-type]

    def _list(self) -> tuple[tuple[Scalar, ...], dict[str, int]]:
        """The values, and where they stand, by the names that In has for them."""
        places = {"values": self._token.position}
        self._expect("sign", "[", 'write a list as ["ES", "RO"]')
        values: list[Scalar] = []
        while not self._accept("sign", "]"):
            places[f"values[{len(values)}]"] = self._token.position
            values.append(self._scalar())
            if not self._accept("sign", ","):
                self._expect(
                    "sign", "]", 'separate the values of a list by commas, and end it with "]"'
                )
                break
        return tuple(values), places

    def _attribute(self) -> str:
        token = self._token
        if token.kind != "name" or token.text in RESERVED:
            self._fail(f"{self._found()} is not expected here; it must be an attribute")
        self._advance()
        return token.text.strip("`")

    def _comparison(self, message: str) -> CompareOp:
        token = self._token
        if token.text not in _COMPARISONS:
            self._fail(f"{self._found()} is not expected; {message}")
        self._advance()
        return _COMPARISONS[token.text]

    def _string(self) -> str:
        token = self._token
        if token.kind != "text":
            self._fail(f'{self._found()} must be a text in quotes, such as "{token.text}"')
        self._advance()
        return _unquoted(token.text)

    def _scalar(self) -> Scalar:
        token = self._token
        if token.kind == "text":
            return self._string()
        self._advance()
        if token.kind == "number":
            return int(token.text) if token.text.lstrip("-").isdigit() else float(token.text)
        if token.text in ("true", "false"):
            return token.text == "true"
        if token.kind == "time":
            return self._time(token)
        hint = f'; a text needs quotes: "{token.text}"' if token.kind == "name" else ""
        return self._fail(f"{_shown(token)} is not a value{hint}", token.position)

    def _time(self, token: _Token) -> datetime:
        try:
            time = datetime.fromisoformat(token.text)
        except ValueError:
            self._fail(f"{token.text} is not a time; write 2026-11-27T08:00:00Z", token.position)
        return time if time.tzinfo is not None or "T" in token.text else time.replace(tzinfo=UTC)

    def _accept(self, kind: str, text: str) -> bool:
        if self._token.kind != kind or self._token.text != text:
            return False
        self._advance()
        return True

    def _expect(self, kind: str, text: str, message: str) -> None:
        if not self._accept(kind, text):
            self._fail(f"{self._found()} is not expected; {message}")

    def _advance(self, position: int | None = None) -> None:
        start = self._token.position + len(self._token.text) if position is None else position
        found = _TOKEN.match(self._text, start)
        if found is None:
            while self._text[start] in " \t\r\n\f\v":  # as \s in the pattern
                start += 1
            sign = self._text[start]
            self._fail(f"{sign!r} is not allowed here: {_HINTS.get(sign, 'remove it')}", start)
        kind = found.lastgroup or "end"
        self._token = _Token(kind, found[kind], found.start(kind))

    def _found(self) -> str:
        return _shown(self._token)

    def _made(
        self, start: int, make: Callable[[], T], places: Mapping[str, int] = MappingProxyType({})
    ) -> T:
        """What is made; an error points at the place of the field that breaks a rule."""
        try:
            return make()
        except InvalidCampaign as error:
            violation = error.violations[0]
            at = places.get(violation.field, start)
            self._fail(f"{violation.field} {violation.message}".strip(), at)

    def _fail(self, message: str, position: int | None = None) -> NoReturn:
        where = self._token.position if position is None else position
        raise InvalidAudience(message, text=self._text, position=where) from None


def _shown(token: _Token) -> str:
    if token.kind == "end":
        return "the end"
    return token.text if token.kind == "text" else f'"{token.text}"'


def _unquoted(token: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(character, token[1:-1])
