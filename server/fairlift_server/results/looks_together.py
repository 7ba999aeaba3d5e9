"""Looks of many campaigns in rounds: what they ask of the ledger is asked at once."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.results.look import LookRequest, LookResult, looking
from fairlift_server.results.query_steps import Ask, QuerySteps
from fairlift_server.results.sealed_answer import answers_from_seal

# What was asked for, or why it cannot be had.
Answered: TypeAlias = list[LedgerAnswer] | Exception
Looked: TypeAlias = LookResult | Exception


def make_all_looks(ask: Ask, requests: Sequence[LookRequest]) -> list[Looked]:
    """The looks of each campaign, or what went wrong with it: one never keeps another back."""
    results: dict[int, Looked] = {}
    running = {number: _Running(request) for number, request in enumerate(requests)}
    answers: dict[int, Answered] = {}
    while running:
        for number, campaign in list(running.items()):
            result = campaign.go_on(answers.get(number))
            if result is not None:
                results[number] = result
                del running[number]
        answers = _answers(ask, running)
    return [results[number] for number in range(len(requests))]


class _Running:
    """The looks of one campaign, as far as they are."""

    def __init__(self, request: LookRequest) -> None:
        self._steps: QuerySteps[LookResult] = looking(request)
        self.from_seal: Ask | None = (
            partial(answers_from_seal, request) if request.sealed_answer else None
        )
        self.queries: Sequence[LedgerQuery] = ()

    def go_on(self, answers: Answered | None) -> Looked | None:
        """Goes on with the answers until more is asked; the result, or what went wrong."""
        if isinstance(answers, Exception):
            return answers
        try:
            self.queries = next(self._steps) if answers is None else self._steps.send(answers)
        except StopIteration as end:
            result: LookResult = end.value
            return result
        except Exception as error:
            return error
        return None


def _answers(ask: Ask, running: dict[int, _Running]) -> dict[int, Answered]:
    of_ledger = {number: one for number, one in running.items() if one.from_seal is None}
    answered: dict[int, Answered] = {
        number: _attempted(one.from_seal, one.queries)
        for number, one in running.items()
        if one.from_seal is not None
    }
    together = [query for one in of_ledger.values() for query in one.queries]
    answers = _attempted(ask, together) if together else []
    if isinstance(answers, Exception):
        # Each alone: which of them cannot be answered shows, and the others are.
        return answered | {
            number: _attempted(ask, one.queries) for number, one in of_ledger.items()
        }
    for number, one in of_ledger.items():
        answered[number], answers = answers[: len(one.queries)], answers[len(one.queries) :]
    return answered


def _attempted(ask: Ask, queries: Sequence[LedgerQuery]) -> Answered:
    try:
        return ask(queries)
    except Exception as error:
        return error
