"""The package is light to import, and says what it holds."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import fairlift_stats
import pytest

CHECK = """
import sys
import fairlift_stats
assert not {m for m in ("pandas", "scipy.stats", "statsmodels", "scipy") if m in sys.modules}
for name in fairlift_stats.__all__:
    getattr(fairlift_stats, name)
heavy = {m for m in ("pandas", "scipy.stats", "statsmodels", "matplotlib") if m in sys.modules}
assert not heavy, heavy
"""


def test_importing_the_package_and_its_names_loads_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", CHECK], check=True)


def test_every_listed_name_loads_from_the_module_that_checkers_see() -> None:
    source = ast.parse(Path(fairlift_stats.__file__).read_text())
    checked = {
        alias.name: node.module
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fairlift_stats.")
        for alias in node.names
    }

    assert sorted(checked) == sorted(fairlift_stats.__all__)
    for name, module in checked.items():
        assert getattr(fairlift_stats, name) is getattr(import_module(str(module)), name)


@pytest.mark.parametrize("name", ["PowerDesign", "sample_ratio", "SequentialPlan", "decide"])
def test_a_name_loads_alone(name: str) -> None:
    subprocess.run([sys.executable, "-c", f"from fairlift_stats import {name}"], check=True)


def test_every_name_is_listed_and_no_other_exists() -> None:
    assert dir(fairlift_stats) == sorted(fairlift_stats.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        fairlift_stats.Nothing  # noqa: B018 - the access is the test
