"""Every public function of the statistical methods is named in the docs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STATS = ROOT / "stats" / "fairlift_stats"
# The rooms whose functions answer a question by themselves; the others put them together.
ROOMS = (
    "methods",
    "bayes",
    "design",
    "sequential/anytime",
    "sequential/bandit",
    "sequential/group_sequential",
    "data/winsorizing.py",
)


def _functions(module: Path) -> Iterator[str]:
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        path = STATS / room
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def test_every_method_is_named_in_the_docs() -> None:
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", page))
    public = {name for module in _modules() for name in _functions(module)}

    assert public - named == set()


@pytest.mark.parametrize("room", ROOMS)
def test_each_module_named_in_the_docs_exists(room: str) -> None:
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    dotted = room.removesuffix(".py").replace("/", ".")

    assert f"`{dotted}" in page
    for name in re.findall(rf"`({re.escape(dotted)}(?:\.\w+)*)`", page):
        path = STATS / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name
