"""One change on trial: in a process of its own, against the tests that might notice it."""

import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, Literal, TypeAlias

import pytest

from tools.mutants.changes import Change
from tools.mutants.scope import MODULES
from tools.mutants.tested import OPTIONS, Shared, caches

# Killed by a test; noticed by an import or a collection that fails; by a time limit; by a crash.
Outcome: TypeAlias = Literal["killed", "not_imported", "endless", "crashed", "survived"]

_MOST_MEMORY: Final = 8 << 30
# Seconds of computing that a test may take beyond twenty times what it takes without a change.
_PATIENCE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a change.

    Attributes:
        outcome: what noticed it, if anything did.
        test: the test that failed, "" otherwise.
        why: the first line of its failure.
    """

    outcome: Outcome
    test: str = ""
    why: str = ""


class NotPatched(Exception):
    """The change cannot be put into functions that exist: it needs a fresh import."""


def on_trial(body: Callable[[], Result]) -> Result:
    """The result of `body`, which runs in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(body, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    if answer:
        return Result(**json.loads(answer))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
        return Result("endless", why="beyond the time limit")
    return Result("crashed", why=f"status {status}")


def _in_child(body: Callable[[], Result], writing: int) -> None:
    """Run and answer; whatever happens, this process ends here."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        silence = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(silence, stream)
        answer = json.dumps(asdict(body()))
        os.write(writing, answer.encode())
    finally:
        os._exit(0)


class Watch:
    """Notes the first failure, and gives each test its time."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self.failed = Result("survived")
        self.not_collected = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module of tests that cannot be imported."""
        if report.failed:
            self.not_collected = _first_line(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed and self.failed.outcome == "survived":
            self.failed = Result("killed", report.nodeid, _first_line(report))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Start the clock of one test."""
        limit = _PATIENCE * (1 + self._seconds.get(nodeid, 0.0))
        signal.setitimer(signal.ITIMER_PROF, limit)

    @property
    def result(self) -> Result:
        """A test that failed says more than one that could not be collected."""
        if self.failed.outcome == "survived" and self.not_collected:
            return Result("not_imported", why=self.not_collected)
        return self.failed


def _first_line(report: pytest.CollectReport | pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr).strip().rsplit("\n", 1)[-1]
    return str(text).strip().split("\n", 1)[0][:200]


class Memory:
    """The functions and caches in memory, found once: a search is slower than most tests."""

    def __init__(self) -> None:
        self._caches = caches()
        paths = [str(Path(module).resolve()) for module in MODULES]
        self._before = {
            path: compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
            for path in paths
        }
        self._functions: dict[tuple[str, CodeType], list[FunctionType]] = {}
        for found in gc.get_objects():
            if isinstance(found, FunctionType):
                place = found.__code__.co_filename, found.__code__
                self._functions.setdefault(place, []).append(found)
        # What is never collected is never written to, and so stays shared with all processes.
        gc.collect()
        gc.freeze()

    def put(self, change: Change) -> None:
        """Put the change into its functions.

        Raises:
            NotPatched: see there.
        """
        path = str(Path(change.module).resolve())
        before = self._before[path]
        after = compile(change.source, path, "exec", dont_inherit=True)
        different = [(old, new) for old, new in _pairs(before, after) if old != new]
        functions = [
            (f, new) for old, new in different for f in self._functions.get((path, old), ())
        ]
        if not functions:
            raise NotPatched
        for function, new in functions:
            try:
                function.__code__ = new
            except ValueError as error:  # other closed-over variables
                raise NotPatched from error
        for cache in self._caches:
            cache.cache_clear()


def patched(change: Change, items: Sequence[pytest.Item], watch: "Watch", memory: Memory) -> Result:
    """Put the change into the functions in memory, and run tests that are collected already.

    Raises:
        NotPatched: see there.
    """
    memory.put(change)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if watch.failed.outcome != "survived":
            break
    return watch.failed


def _pairs(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    inside = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (before, after)]
    if len(inside[0]) != len(inside[1]):
        raise NotPatched
    for pair in zip(*inside, strict=True):
        yield pair
        yield from _pairs(*pair)


def fresh(change: Change | None, tests: Sequence[str], seconds: dict[str, float]) -> Result:
    """Import everything with the change in place, collect, and run these tests in this order."""
    if change is not None:
        try:
            compile(change.source, change.module, "exec", dont_inherit=True)
        except SyntaxError as error:
            return Result("not_imported", why=str(error))
        sys.meta_path.insert(0, _Replaced(change))
    watch = Watch(seconds)
    files = sorted({test.split("::")[0] for test in tests})
    # A module that cannot be imported is not noticed by an endless wait either.
    signal.setitimer(signal.ITIMER_PROF, 6 * _PATIENCE)
    pytest.main([*OPTIONS, *files], plugins=[watch, Shared(), _Chosen(tests, watch)])
    return watch.result


class _Chosen:
    """Keeps these tests in this order, and stops at the first failure."""

    def __init__(self, tests: Sequence[str], watch: Watch) -> None:
        self._place = {test: place for place, test in enumerate(tests)}
        self._watch = watch

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._place]
        items.sort(key=lambda item: self._place[item.nodeid])

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        if self._watch.failed.outcome != "survived":
            item.session.shouldstop = "noticed"


class _Replaced(importlib.abc.MetaPathFinder):
    """Finds the changed module first, with its new source."""

    def __init__(self, change: Change) -> None:
        self._change = change
        parts = Path(change.module).with_suffix("").parts[1:]
        self._name = ".".join(parts)

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        del path, target
        if name != self._name:
            return None
        where = str(Path(self._change.module).resolve())
        return importlib.util.spec_from_file_location(
            name, where, loader=_Loader(name, where, self._change)
        )


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads the changed source, never what was compiled from the file."""

    def __init__(self, name: str, path: str, change: Change) -> None:
        super().__init__(name, path)
        self._change = change

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._change.source, self.get_filename(fullname), "exec", dont_inherit=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What pytest prints goes nowhere."""
    kept, silence = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(silence, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(silence)
