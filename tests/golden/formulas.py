"""Data that golden cases describe in words: "x_i = sin(0.7 i) + 0.12, i = 1..2000"."""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "log": np.log,
    "abs": np.abs,
}


def evaluated(text: str, columns: dict[str, Column]) -> Column:
    """A formula's values; "2 sin(0.7 i)" multiplies, "i even" and "7 i mod 20" read as said."""
    code = re.sub(r"\bmod\b", "%", text)
    code = re.sub(r"\b(\w+) is even\b|\b(\w+) even\b", r"(\1\2 % 2 == 0)", code)
    code = re.sub(r"\b(\w+) is odd\b|\b(\w+) odd\b", r"(\1\2 % 2 == 1)", code)
    code = re.sub(r"(?<![\w.])(\d*\.?\d+)\s*(?=(?!if\b|else\b|and\b|or\b)[A-Za-z(])", r"\1*", code)
    value = _value(ast.parse(code.strip(), mode="eval").body, columns)
    rows = next(iter(columns.values())).shape
    return np.broadcast_to(np.asarray(value, dtype=np.float64), rows).copy()


def _value(node: ast.AST, columns: dict[str, Column]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return columns[name]
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](_value(operand, columns))
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, columns), _value(right, columns))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _OPERATORS[type(op)](_value(left, columns), _value(right, columns))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return np.where(_value(test, columns), _value(body, columns), _value(orelse, columns))
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return _FUNCTIONS[name](_value(argument, columns))
    raise ValueError(f"formula: {ast.dump(node)} is not known")


def _index(text: str) -> Column:
    first, last = re.search(r"\bi\s*=\s*(\d+)\s*\.\.\s*(\d+)", text).groups()  # type: ignore[union-attr]
    return np.arange(int(first), int(last) + 1, dtype=np.float64)


def stream(text: str) -> list[float]:
    """The values of "x_i = FORMULA, i = 1..N (remark)"."""
    formula = re.match(r"\s*\w+\s*=\s*(.+?),\s*i\s*=", text).group(1)  # type: ignore[union-attr]
    values: list[float] = evaluated(formula, {"i": _index(text)}).tolist()
    return values


def formula_columns(text: str) -> tuple[dict[str, Column], str, list[str]]:
    """Columns, outcome and regressors of "i=1..N: a=..., y=...; y~a+x"."""
    head, body = text.split(":", 1)
    definitions, model = body.rsplit(";", 1)
    columns = {"i": _index(head)}
    for part in re.split(r",(?![^()]*\))", definitions):
        name, formula = part.split("=", 1)
        columns[name.strip()] = evaluated(formula, columns)
    outcome, terms = model.split("~")
    return columns, outcome.strip(), [term.strip() for term in terms.split("+")]
