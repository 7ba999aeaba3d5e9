"""One name stands for one thing: public classes and functions of the packages are unique."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "clients/fairlift",
    "clients/fairlift_cli",
    "clients/fairlift_report",
    "server/fairlift_server",
    "stats/fairlift_stats",
)
GENERATED = ROOT / "clients" / "fairlift" / "v1"

# Names that may stand in several modules, each with its reason.
SHARED = {
    "main": "the entry point of the program, in each of the two programs",
    "upgrade": "what Alembic calls in each migration",
    "downgrade": "what Alembic calls in each migration",
}


def public_names(path: Path) -> Iterator[str]:
    """Classes and functions of the module itself; overloads of one function count once."""
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(path.read_text()).body
    names = dict.fromkeys(node.name for node in body if isinstance(node, definitions))
    return (name for name in names if not name.startswith("_"))


def test_public_name_is_defined_in_one_module() -> None:
    modules: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if GENERATED not in path.parents:
                for name in public_names(path):
                    modules[name].append(path.relative_to(ROOT).as_posix())
    repeated = {name: paths for name, paths in modules.items() if len(paths) > 1}
    assert "main" in repeated  # Else this test reads nothing.
    assert {name: paths for name, paths in repeated.items() if name not in SHARED} == {}
    assert not SHARED.keys() - repeated.keys()
