"""What a run shows: a line for each module, and each survivor with the reason why that is right."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.mutants.changes import Change
from tools.mutants.trial import Result


@dataclass(frozen=True, slots=True)
class Report:
    """What became of changes.

    Attributes:
        results: by change.
        equivalent: by name of a change, why no test can notice it.
    """

    results: Mapping[Change, Result]
    equivalent: Mapping[str, str]

    @property
    def share(self) -> float:
        """Killed changes among those that matter, which equivalent ones do not."""
        killed, unexplained, _ = self._counts("")
        return killed / max(1, killed + unexplained)

    def lines(self) -> Iterator[str]:
        """All of it, the most important last."""
        survivors = [c.name for c, r in self.results.items() if r.outcome == "survived"]
        for name in survivors:
            yield f"survived: {name}\n    {self.equivalent.get(name, 'NOT EXPLAINED')}"
        for name in self.equivalent:
            if name not in survivors and any(c.name == name for c in self.results):
                yield f"listed, and does not survive: {name}"
        for change, result in self.results.items():
            if result.outcome not in {"killed", "survived"}:
                yield f"{result.outcome}: {change.name}\n    {result.why}"
        yield "  killed  of those that matter; equivalent, noticed otherwise"
        for module in dict.fromkeys(change.module for change in self.results):
            yield self._line(module)
        yield self._line("")

    def _line(self, module: str) -> str:
        killed, unexplained, explained = self._counts(module)
        matter = killed + unexplained
        otherwise = Counter(
            result.outcome
            for change, result in self.results.items()
            if result.outcome not in {"killed", "survived"} and module in change.module
        )
        noticed = "".join(f", {count} {outcome}" for outcome, count in sorted(otherwise.items()))
        besides = f"{explained} equivalent{noticed}"
        return f"{killed / max(1, matter):8.1%}  {killed} of {matter}; {besides}: {module or 'all'}"

    def _counts(self, module: str) -> tuple[int, int, int]:
        """Killed, survived without a reason, and survived with one."""
        found = Counter(
            "explained"
            if result.outcome == "survived" and change.name in self.equivalent
            else result.outcome
            for change, result in self.results.items()
            if module in change.module
        )
        return found["killed"], found["survived"], found["explained"]
