"""Results on disk: one on a line, written at once, and used again while they hold."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from tools.mutants.changes import Change, digest
from tools.mutants.trial import Result


@dataclass(slots=True)
class Results:
    """What is known of changes.

    A change that a test killed stays killed while its module and that test's file stay what they
    were. Anything else holds only while all sources and tests stay what they were.

    Attributes:
        root: where modules and tests lie.
        path: the file of results.
        everything: the digest of all sources and tests.
    """

    root: Path
    path: Path
    everything: str
    _digests: dict[str, str] = field(default_factory=dict)

    def known(self) -> dict[str, Result]:
        """The results that still hold, by the name of their change."""
        found: dict[str, Result] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                kept = json.loads(line)
                if self._holds(kept):
                    found[kept["name"]] = Result(kept["outcome"], kept["test"], kept["why"])
        return found

    def add(self, change: Change, result: Result) -> None:
        """Keep one result."""
        kept = {
            "name": change.name,
            "module": change.module,
            "module_digest": self._digest(change.module),
            "outcome": result.outcome,
            "test": result.test,
            "test_digest": self._digest(_file(result.test)) if result.test else "",
            "why": result.why,
            "everything": self.everything,
        }
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(kept) + "\n")

    def _holds(self, kept: dict[str, str]) -> bool:
        if kept["everything"] == self.everything:
            return True
        return (
            kept["outcome"] == "killed"
            and kept["module_digest"] == self._digest(kept["module"])
            and kept["test_digest"] == self._digest(_file(kept["test"]))
        )

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            file = self.root / path
            self._digests[path] = digest(file.read_bytes()) if file.exists() else ""
        return self._digests[path]


def _file(test: str) -> str:
    return test.split("::")[0]
