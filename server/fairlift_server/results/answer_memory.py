"""Answers of the ledger that are remembered while its events stay the same, in files of a folder.

They are a cache: a file that is missing, damaged or of other events is computed again. They hold
sums, no ids of persons, and the ids of a few orders; when events were removed, all files from
before go.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fairlift_server.analysis.answer_origin import CopyState, Origin
from fairlift_server.analysis.entry_rules import ENTRY_OF_ALL
from fairlift_server.analysis.folding import is_additive
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery, OpenUnits
from fairlift_server.analysis.maturing import as_known_at
from fairlift_server.results.answer_files import current_files
from fairlift_server.results.query_steps import Ask, AskAgain
from fairlift_server.results.sealed_answer import answer_from_json, answer_to_json

log = logging.getLogger("fairlift.results")

# Of what an answer says, and how it is written: another number, as another release, forgets all
# that was remembered.
_FORMAT: Final = 5
_VERSION: Final = version("fairlift")
_MOST_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AnswerMemory:
    """What is remembered under one mark of the ledger.

    Attributes:
        folder: of the files.
        mark: of the ledger before it is asked.
        removals: how often events were removed.
        is_settled: whether answers may be remembered under the mark.
    """

    folder: Path
    mark: str
    removals: int
    is_settled: bool

    def recall(self, query: LedgerQuery) -> LedgerAnswer | None:
        """What is remembered of a query.

        Its origin says whether the events are still the same; the answer of other events is given
        if new ones can be folded in.
        """
        try:
            about, _, content = self._path(query).read_text().partition("\n")
            mark, _, seal = about.partition(" ")
            if seal != self._seal(query, mark, content):
                return None
            sums, _, beside = content.partition("\n")
            waiting, now_us, are_capped, twins, copied = json.loads(beside)
            if query.live is not None and query.live.now_us < now_us:
                return None  # the clock was set back
            summed = answer_from_json(sums, query)
            examples = tuple((first, second) for first, second in twins)
            answer = replace(
                summed,
                facts=replace(summed.facts, twins=replace(summed.facts.twins, examples=examples)),
                open_units=tuple(OpenUnits(*each) for each in waiting),
                segments_are_capped=are_capped,
            )
            if mark == self._mark:
                answer = replace(answer, origin=Origin.REMEMBERED)
            elif copied is not None:
                copy, generation, folds = copied
                answer = replace(answer, state=CopyState(copy, generation), folds=folds)
            else:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return answer if query.live is None else as_known_at(answer, query.live.now_us)

    def remember(self, answer: LedgerAnswer) -> None:
        """Writes an answer down; a folder that cannot be written is logged."""
        if not self.is_settled:
            return
        waiting = [astuple(each) for each in answer.open_units]
        now_us = 0 if answer.query.live is None else answer.query.live.now_us
        twins = answer.facts.twins.examples
        beside = [waiting, now_us, answer.segments_are_capped, twins, _copied(answer)]
        content = f"{answer_to_json(answer)}\n{json.dumps(beside)}"
        about = f"{self._mark} {self._seal(answer.query, self._mark, content)}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
            self._write(self._path(answer.query), f"{about}\n{content}")
        except OSError as error:
            fields = {"folder": str(self.folder), "reason": error.strerror}
            log.warning("an answer cannot be remembered", extra={"fields": fields})

    def _write(self, path: Path, text: str) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f"{self.removals}-", dir=self.folder)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _path(self, query: LedgerQuery) -> Path:
        """One file for each epoch and question: the answer of another moment replaces it."""
        live = None if query.live is None else replace(query.live, now_us=0, late=None)
        question = repr(replace(query, live=live, entry=ENTRY_OF_ALL))
        return self.folder / f"{self.removals}-{hashlib.sha256(question.encode()).hexdigest()}.json"

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self.mark.encode()).hexdigest()

    def _seal(self, query: LedgerQuery, mark: str, content: str) -> str:
        """What tells that an answer is to this question, and whole."""
        live = query.live
        question = replace(query, live=None if live is None else replace(live, now_us=0))
        parts = (_VERSION, str(_FORMAT), mark, repr(question), content)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _make_room(self) -> None:
        """Removes files from before a removal of events, and the oldest ones beyond the bound."""
        files = []
        for entry in current_files(self.folder, self.removals):
            with suppress(FileNotFoundError):  # another process removed it
                files.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= _MOST_BYTES:
                break
            Path(path).unlink(missing_ok=True)
            total -= size


def remembering(ask: Ask, memory: AnswerMemory, ask_again: AskAgain | None = None) -> Ask:
    """Answers from memory what it can; the rest together, and remembers it.

    Queries as of a past day are asked once, for a look that is kept: they are not remembered.

    Args:
        ask: answers.
        memory: of earlier answers.
        ask_again: answers, given earlier answers that lack newer events; None: they are of no use.
    """

    def answer(queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
        recalled = [memory.recall(q) if q.as_of_day is None else None for q in queries]
        answers = {
            number: known
            for number, known in enumerate(recalled)
            if known is not None and known.origin is Origin.REMEMBERED
        }
        open_ones = [number for number in range(len(queries)) if number not in answers]
        if open_ones:
            asked = [queries[number] for number in open_ones]
            known = [recalled[number] for number in open_ones]
            read = ask(asked) if ask_again is None else ask_again(asked, known)
            for number, one in zip(open_ones, read, strict=True):
                answers[number] = one
                if one.query.as_of_day is None:
                    memory.remember(one)
        return [answers[number] for number in range(len(queries))]

    return answer


def _copied(answer: LedgerAnswer) -> tuple[str, int, int] | None:
    """What new events are folded in by; None: they cannot be."""
    if answer.state is None or not is_additive(answer.query):
        return None
    return answer.state.copy, answer.state.generation, answer.folds
