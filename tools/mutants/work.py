"""Tries the changes that are left, in the copy that it is started in."""

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from tools.mutants.changes import Change, changes_of, digest
from tools.mutants.results import Results
from tools.mutants.scope import MODULES
from tools.mutants.tested import (
    OPTIONS,
    TESTS,
    Covered,
    Shared,
    import_libraries,
    make_map,
    read_maps,
    write,
)
from tools.mutants.trial import Memory, NotPatched, Result, Watch, fresh, on_trial, patched, quiet

HERE = Path.cwd()
TOOL = Path(__file__).parent
SUSPECTED = HERE / "suspected.jsonl"


def main(results: str, everything: str, only: str, part: str, parts: str) -> None:
    """Try every change of this part, with `only` in its name, that has no result that holds."""
    import_libraries()
    covered = covered_lines()
    kept = Results(HERE, Path(results), everything)
    known = kept.known()
    changes = changes_of_all(only)
    if parts == "0":  # everything is found for those that come
        return
    changes = changes[int(part) :: int(parts)]
    left = [change for change in changes if change.name not in known]
    print(f"{len(left)} of {len(changes)} changes left", flush=True)  # noqa: T201 - how far it is
    work = Work(covered, kept, Order(covered, changes, known))
    work.in_collected_tests(left)
    known = kept.known()
    work.with_fresh_imports([change for change in left if change.name not in known])


def changes_of_all(only: str = "") -> list[Change]:
    """The changes with this in their names; those of a module are found once."""
    found: list[Change] = []
    kinds = b"".join((TOOL / name).read_bytes() for name in ("changes.py", "scope.py"))
    place = only.split("::")[0]
    for module in (name for name in MODULES if place in name):
        source = digest((HERE / module).read_bytes() + kinds)
        file = HERE.parent / f"changes-{digest(module)}-{source}.json"
        if not file.exists():
            made = [asdict(change) for change in changes_of(HERE, module)]
            write(file, json.dumps(made))
        for kept in json.loads(file.read_text(encoding="utf-8")):
            kept["statement"] = tuple(kept["statement"])
            found.append(Change(**kept))
    return [change for change in found if only in change.name]


def covered_lines() -> Covered:
    """Which tests run which line; found once for each file of tests and what it stands on."""
    ground = digest("".join((*MODULES, *map(_digest_of, sorted(_ground())))))
    maps = {
        test: HERE.parent / f"covered-{digest(test + ground + _digest_of(test))}" for test in TESTS
    }
    for test, path in maps.items():
        if not path.exists():
            child = os.fork()
            if child == 0:
                with quiet():
                    make_map(test, path)
                os._exit(0)
            if os.waitpid(child, 0)[1] != 0:
                sys.exit(f"{test}: no map of what it runs")
    return read_maps(maps)


def _ground() -> Iterator[str]:
    for folder in ("stats", "tests"):
        for file in Path(folder).rglob("*"):
            is_ground = file.suffix in {".py", ".yaml"} and not file.name.startswith("test_")
            if is_ground and file.name != "survivors.yaml":
                yield str(file)


def _digest_of(file: str) -> str:
    return digest(Path(file).read_bytes())


class Order:
    """Which tests to run first: those that killed most near a change, then the quickest."""

    def __init__(self, covered: Covered, changes: Iterable[Change], known: Mapping[str, Result]):
        self._covered = covered
        self._killed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for change in changes:
            if change.name in known:
                self.learn(change, known[change.name])

    def learn(self, change: Change, result: Result) -> None:
        """Remember which test killed this change."""
        if result.outcome == "killed":
            self._killed[change.module][result.test] += 1
            self._killed[change.module + change.function][result.test] += 1

    def of(self, change: Change, *, everything: bool = False) -> list[str]:
        """The tests that run the changed statement, or all that might notice it, those first."""
        near = chosen = self._covered.tests_of(change)
        if everything:
            around_it = self._covered.tests_of_module(change.module)
            chosen = near | around_it | self._covered.tests_of_nothing()
        here, around = self._killed[change.module + change.function], self._killed[change.module]

        def place(test: str) -> tuple[bool, int, int, float]:
            return test not in near, -here[test], -around[test], self._covered.seconds[test]

        return sorted(chosen, key=place)


class Work:
    """Trials of many changes, one after the other."""

    def __init__(self, covered: Covered, kept: Results, order: Order) -> None:
        self._covered = covered
        self._kept = kept
        self._order = order
        self._watch = Watch(covered.seconds)

    def in_collected_tests(self, changes: Sequence[Change]) -> None:
        """Try what can be put into functions in memory: tests are collected once for all of it."""
        child = os.fork()
        if child == 0:
            self._changes, self._is_done = changes, False
            try:
                with quiet():
                    pytest.main([*OPTIONS, *TESTS], plugins=[self, Shared()])
            finally:
                os._exit(0 if self._is_done else 1)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit("the trials in collected tests ended early; see above")

    def with_fresh_imports(self, changes: Sequence[Change]) -> None:
        """Try what runs before the tests do: everything is imported anew for each."""
        suspected = self._suspected()
        for change in changes:
            self._order.learn(change, suspected.get(change.name, _NOT_PATCHED))
        for change in changes:
            result = suspected.get(change.name, _NOT_PATCHED)
            if result.outcome == "killed":
                result = self._fresh(change, [result.test])
            if result.outcome != "killed":
                result = self._fresh(change, self._order.of(change, everything=True))
            self._keep(change, result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of the loop over tests."""
        items = {item.nodeid: item for item in session.items}
        suspected, memory = self._suspected(), Memory()
        for change in self._changes:
            if change.name in suspected:
                continue
            is_certain = not self._covered.runs_at_import(change)
            before = self._covered.runs_in_collection(change) if is_certain else set()
            # What was made before the change was there may be all that fails in such a file.
            names = [test for test in self._order.of(change) if test.split("::")[0] not in before]
            tests = [items[test] for test in names]
            result = on_trial(partial(self._patched, change, tests, memory))
            if is_certain and (result.outcome == "killed" or not before) and result != _NOT_PATCHED:
                self._keep(change, result)
            else:
                self._suspect(change, result)
        self._is_done = True
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        self._watch.pytest_runtest_logreport(report)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Start the clock of one test."""
        self._watch.pytest_runtest_logstart(nodeid)

    def _patched(self, change: Change, items: Sequence[pytest.Item], memory: Memory) -> Result:
        if not items:
            return Result("survived", why="no test runs it")
        try:
            return patched(change, items, self._watch, memory)
        except NotPatched:
            return _NOT_PATCHED
        except SyntaxError as error:
            return Result("not_imported", why=str(error))

    def _fresh(self, change: Change, tests: Sequence[str]) -> Result:
        return on_trial(partial(fresh, change, tests, self._covered.seconds))

    def _suspect(self, change: Change, result: Result) -> None:
        self._order.learn(change, result)
        with SUSPECTED.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([change.name, asdict(result)]) + "\n")

    def _suspected(self) -> dict[str, Result]:
        """What collected tests say of changes that they cannot decide alone."""
        if not SUSPECTED.exists():
            return {}
        lines = map(json.loads, SUSPECTED.read_text(encoding="utf-8").splitlines())
        return {name: Result(**result) for name, result in lines}

    def _keep(self, change: Change, result: Result) -> None:
        self._order.learn(change, result)
        self._kept.add(change, result)


_NOT_PATCHED = Result("crashed", why="needs a fresh import")


if __name__ == "__main__":
    main(*sys.argv[1:])
