"""The tests as this tool runs them: which there are, what each covers, and how long it takes."""

import functools
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import coverage
import pytest
from hypothesis import Phase, settings

from tools.mutants.changes import Change
from tools.mutants.scope import MODULES

# The tests of these modules. Others would kill a few more, and take far longer.
TESTS: Final = (
    "tests/rules/test_faults.py",
    "tests/rules/test_margins.py",
    "tests/rules/test_rule.py",
    "tests/rules/test_seal.py",
    "tests/rules/test_told_figures.py",
    "tests/rules/test_waiting_wins.py",
    "tests/rules/test_why_not_safe.py",
    "tests/stats/methods/test_multiplicity.py",
    "tests/stats/sequential/test_boundaries.py",
    "tests/stats/sequential/test_calendar.py",
    "tests/stats/sequential/test_evidence.py",
    "tests/stats/sequential/test_exact_harm.py",
    "tests/stats/sequential/test_giving_up_lines.py",
    "tests/stats/sequential/test_guardrail_standings.py",
    "tests/stats/sequential/test_guards.py",
    "tests/stats/sequential/test_hard_input.py",
    "tests/stats/sequential/test_lines.py",
    "tests/stats/sequential/test_look_figures.py",
    "tests/stats/sequential/test_looks.py",
    "tests/stats/sequential/test_plan.py",
    "tests/stats/sequential/test_ruling.py",
    "tests/stats/sequential/test_spending.py",
    "tests/stats/sequential/test_split.py",
    "tests/stats/sequential/test_verdict.py",
    "tests/stats/sequential/test_verdict_engines.py",
    "tests/stats/sequential/test_verdict_figures.py",
    "tests/stats/sequential/test_verdict_guardrails.py",
    "tests/stats/sequential/test_verdict_outlook.py",
    "tests/stats/sequential/test_verdict_since.py",
    "tests/stats/sequential/test_verdict_trust.py",
    "tests/stats/test_contrast.py",
    "tests/stats/test_contrast_bounds.py",
    "tests/stats/test_named_flags.py",
    "tests/stats/test_values.py",
    "tests/stats/verdict/test_chances_to_win.py",
    "tests/stats/verdict/test_conversion_alarm.py",
    "tests/stats/verdict/test_exact_conversions.py",
    "tests/stats/verdict/test_expected_loss.py",
    "tests/stats/verdict/test_figures_after_many_looks.py",
    "tests/stats/verdict/test_guardrail_histories.py",
    "tests/stats/verdict/test_hopeless_races.py",
    "tests/stats/verdict/test_lines_of_a_comparison.py",
    "tests/stats/verdict/test_whose_verdict.py",
)

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
        tests: by module and line.
        outside: by module and line, the files of tests that run it when they are collected, or
            import it.
        importers: how many files of tests import each module.
        seconds: of computing, by test.
    """

    tests: dict[str, dict[int, set[str]]]
    outside: dict[str, dict[int, set[str]]]
    importers: dict[str, int]
    seconds: dict[str, float]

    def runs_at_import(self, change: Change) -> bool:
        """True when the changed statement runs as soon as its module is imported."""
        files = [self.outside[change.module].get(line, set()) for line in change.all_lines]
        return max(map(len, files)) == self.importers[change.module]

    def runs_in_collection(self, change: Change) -> set[str]:
        """The files of tests that run the changed statement before their tests."""
        outside = self.outside[change.module]
        return set().union(*(outside.get(line, set()) for line in change.all_lines))

    def tests_of(self, change: Change) -> set[str]:
        """The tests that run the changed statement."""
        tests = self.tests[change.module]
        return set().union(*(tests.get(line, set()) for line in change.all_lines))

    def tests_of_module(self, module: str) -> set[str]:
        """The tests that run anything of a module."""
        return set().union(*self.tests[module].values())

    def tests_of_nothing(self) -> set[str]:
        """The tests that run no line of any module: what they look at, they see from outside."""
        lines = (tests for module in self.tests.values() for tests in module.values())
        return set(self.seconds).difference(*lines)


def read_maps(paths: Mapping[str, Path]) -> Covered:
    """What `make_map` wrote of each file of tests, together."""
    covered = Covered({m: {} for m in MODULES}, {m: {} for m in MODULES}, {}, {})
    for file, path in paths.items():
        kept = json.loads(path.read_text(encoding="utf-8"))
        covered.seconds.update(kept["seconds"])
        for module, lines in kept["tests"].items():
            is_imported = any(OUTSIDE in found for found in lines.values())
            covered.importers[module] = covered.importers.get(module, 0) + is_imported
            for line, found in lines.items():
                tests = covered.tests[module].setdefault(int(line), set())
                tests.update(test for test in found if test != OUTSIDE)
                if OUTSIDE in found:
                    covered.outside[module].setdefault(int(line), set()).add(file)
    return covered


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
