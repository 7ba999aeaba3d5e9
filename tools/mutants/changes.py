"""The changes of one module: each a whole new source, named by its function and its lines."""

import ast
import difflib
import hashlib
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

from tools.mutants.scope import NAMED, is_used


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one module.

    Attributes:
        module: its path from the repository's root.
        function: the qualified name of the function or class that has the line, "" outside.
        lines: the lines before and after, which stay the same when others move.
        source: of the whole module with the change.
        statement: the numbers of the first and last line of the statement that is changed.
    """

    module: str
    function: str
    lines: str
    source: str
    statement: tuple[int, int]

    @property
    def name(self) -> str:
        """What it is known by from one run to the next."""
        return f"{self.module}::{self.function}::{self.lines}"

    @property
    def all_lines(self) -> range:
        """The numbers of the lines of its statement."""
        return range(self.statement[0], self.statement[1] + 1)


def changes_of(root: Path, module: str) -> list[Change]:
    """Every change of a module, in the order of its lines; each new source once."""
    before = (root / module).read_text(encoding="utf-8")
    tree = ast.parse(before)
    sources = {*_sources(before), *_named(module, before)}
    found = [_change(module, before, tree, after) for after in sorted(sources)]
    found.sort(key=lambda change: (change.statement, change.lines))
    return list(_numbered(found))


def digest(text: str | bytes) -> str:
    """A short hash."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]


def _sources(before: str) -> Iterator[str]:
    tree = get_ast(before)
    # An operator changes the tree that it is given, and to read a copy is faster than to parse.
    frozen = pickle.dumps(tree)
    for name in filter(is_used, operator_names()):
        operator = get_operator(name)()
        places = sum(1 for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
        for place in range(places):
            after = MutationVisitor(place, operator).walk(pickle.loads(frozen)).get_code()
            if after != before:
                yield after


def _named(module: str, before: str) -> Iterator[str]:
    for old, new in NAMED.get(module, ()):
        assert before.count(old) == 1, f"{module}: {old!r} must stand there once"
        yield before.replace(old, new)


def _change(module: str, before: str, tree: ast.Module, after: str) -> Change:
    old, new = before.splitlines(), after.splitlines()
    blocks = difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
    tag, first, last, start, stop = next(block for block in blocks if block[0] != "equal")
    assert tag == "replace", "an operator changes lines and adds none"
    lines = f"{_one(old[first:last])} -> {_one(new[start:stop])}"
    statement, function = _around(tree, first + 1)
    return Change(module, function, lines, after, statement)


def _one(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def _around(tree: ast.Module, line: int) -> tuple[tuple[int, int], str]:
    """The innermost statement that has this line, without its body, and what it is part of."""
    best: tuple[int, int] = (line, line)
    names: list[str] = []
    nodes: list[ast.stmt] = list(tree.body)
    while inside := next((n for n in nodes if _first(n) <= line <= (n.end_lineno or 0)), None):
        best = (_first(inside), _last_of_head(inside))
        if isinstance(inside, ast.FunctionDef | ast.ClassDef):
            names.append(inside.name)
        nodes = [part for part in _parts(inside) if line > best[1]]
    return best, ".".join(names)


def _parts(node: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.match_case | ast.ExceptHandler):
            yield from child.body


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _last_of_head(node: ast.stmt) -> int:
    """The last line before the first statement inside, or of the statement itself."""
    inside = [_first(part) for part in _parts(node)]
    return max(node.lineno, min(inside) - 1) if inside else node.end_lineno or node.lineno


def _numbered(changes: list[Change]) -> Iterator[Change]:
    """With a number where one function has the same change twice."""
    seen: Counter[str] = Counter()
    for change in changes:
        seen[change.name] += 1
        nth = seen[change.name]
        yield change if nth == 1 else _again(change, nth)


def _again(change: Change, nth: int) -> Change:
    lines = f"{change.lines} ({nth})"
    return Change(change.module, change.function, lines, change.source, change.statement)
