"""The tests as this tool runs them: which there are, what each covers, and how long it takes."""

import functools
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest
from hypothesis import Phase, settings

from tools.mutants.changes import Change
from tools.mutants.scope import MODULES

# Nothing of the command line, and no plugin that starts processes or keeps something.
OPTIONS = (
    "-q",
    "--override-ini=addopts=",
    "--override-ini=timeout=0",
    "--continue-on-collection-errors",
    "-m",
    "not slow",
    "-pno:cacheprovider",
    "-W=ignore::pytest.PytestAssertRewriteWarning",
    "-pno:xdist",
    "-pno:pytest_cov",
)
# The line's context while modules are imported, tests collected, or shared fixtures made.
OUTSIDE = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """Which tests run which line.

    Attributes:
        tests: by module and line; "" stands for what runs outside of any test.
        seconds: of computing, by test.
    """

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def runs_outside(self, change: Change) -> bool:
        """True when the changed statement runs before the tests do, or between them."""
        return OUTSIDE in self._of(change)

    def tests_of(self, change: Change) -> set[str]:
        """The tests that run the changed statement."""
        return self._of(change) - {OUTSIDE}

    def tests_of_module(self, module: str) -> set[str]:
        """The tests that run anything of a module."""
        return {test for found in self.tests[module].values() for test in found} - {OUTSIDE}

    def _of(self, change: Change) -> set[str]:
        lines = self.tests[change.module]
        first, last = change.statement
        return {test for line in range(first, last + 1) for test in lines.get(line, ())}


def read_maps(paths: Iterable[Path]) -> Covered:
    """What `make_map` wrote of each file of tests, together."""
    tests: dict[str, dict[int, list[str]]] = {module: {} for module in MODULES}
    seconds: dict[str, float] = {}
    for path in paths:
        kept = json.loads(path.read_text(encoding="utf-8"))
        seconds |= kept["seconds"]
        for module, lines in kept["tests"].items():
            for line, found in lines.items():
                tests[module].setdefault(int(line), []).extend(found)
    return Covered(tests, seconds)


def make_map(file: str, path: Path) -> None:
    """Run the tests of one file and write which lines each of them runs.

    Raises:
        SystemExit: a test fails without any change, so that it would notice all of them.
    """
    watched = coverage.Coverage(data_file=None, config_file=False, include=list(MODULES))
    watched.start()
    recorder = _Recorder(watched)
    code = pytest.main([*OPTIONS, file], plugins=[recorder, Shared()])
    watched.stop()
    if code != 0:
        sys.exit(f"{file} fails without a change, or has no tests: pytest ends with {code}")
    data = watched.get_data()
    tests = {module: data.contexts_by_lineno(str(Path(module).resolve())) for module in MODULES}
    write(path, json.dumps({"tests": tests, "seconds": recorder.seconds}))


def write(path: Path, text: str) -> None:
    """All of it or nothing."""
    half = path.with_suffix(f".{os.getpid()}")
    half.write_text(text, encoding="utf-8")
    half.rename(path)


class Shared:
    """What is the same for every run of the tests."""

    def pytest_sessionstart(self) -> None:
        """A failure is enough; its smallest example is not needed."""
        same = settings.get_profile("same")
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("changed", same, phases=phases, database=None)
        settings.load_profile("changed")


class _Recorder:
    """Tells the coverage which test runs, and measures each."""

    def __init__(self, watched: coverage.Coverage) -> None:
        self._watched = watched
        self._now = OUTSIDE
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        for cache in caches():
            cache.cache_clear()
        self._now = item.nodeid
        self._watched.switch_context(self._now)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began
            self._watched.switch_context(OUTSIDE)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """What tests share is made in the first of them, and is no part of it."""
        if fixturedef.scope == "function":
            return (yield)
        self._watched.switch_context(OUTSIDE)
        try:
            return (yield)
        finally:
            self._watched.switch_context(self._now)


def caches() -> list[Any]:
    """The caches of functions: an answer from before would hide what a test runs."""
    return [
        found
        for found in gc.get_objects()
        if isinstance(found, functools._lru_cache_wrapper)
        and (found.__module__ or "").startswith(("fairlift_stats", "tests."))
    ]


def import_libraries() -> None:
    """Import what every run needs and no change reaches."""
    for name in (
        "hypothesis",
        "scipy.integrate",
        "scipy.optimize",
        "scipy.stats",
        "statsmodels.stats.multitest",
        "yaml",
    ):
        importlib.import_module(name)
