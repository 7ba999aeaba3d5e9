"""The package is light to import, and says what it holds."""

import subprocess
import sys

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


def test_every_name_is_listed_and_no_other_exists() -> None:
    assert dir(fairlift_stats) == sorted(fairlift_stats.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        fairlift_stats.Nothing  # noqa: B018 - the access is the test
