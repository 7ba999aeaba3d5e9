"""What worker processes do: DuckDB and Ibis are imported there, never in the server."""

import pickle
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from fairlift_server.results.analysis_source import AnalysisSource, OpenedSource, opened_source
from fairlift_server.results.answer_memory import AnswerMemory, remembering
from fairlift_server.results.data_quality import DataQuality
from fairlift_server.results.job_slots import current_job
from fairlift_server.results.look import (
    LookRequest,
    LookResult,
    check_data,
    expected_rounds,
    make_looks,
)
from fairlift_server.results.looks_together import make_all_looks
from fairlift_server.results.query_steps import Ask
from fairlift_server.results.sealed_answer import answers_from_seal, seal_answer
from fairlift_server.results.worker_pool import WorkerError


def looks_of_campaign(
    source: AnalysisSource, memory: AnswerMemory | None, request: LookRequest
) -> LookResult:
    """The looks of one campaign."""
    current_job().expect_rounds(expected_rounds(request))
    with _answering(source, memory, request) as (ask, as_read):
        return make_looks(ask, as_read)


def looks_of_campaigns(
    source: AnalysisSource, memory: AnswerMemory | None, requests: Sequence[LookRequest]
) -> list[LookResult | Exception]:
    """The looks of each campaign, or why there are none; the ledger is read for all at once."""
    with opened_source(source, current_job()) as ledger:
        ask = _remembering(ledger, memory)
        results = make_all_looks(ask, list(map(ledger.as_read, requests)))
    return [
        _that_travels(result) if isinstance(result, Exception) else result for result in results
    ]


def quality_of_campaign(
    source: AnalysisSource, memory: AnswerMemory | None, request: LookRequest
) -> DataQuality:
    """Whether the data of one campaign can be trusted."""
    with _answering(source, memory, request) as (ask, as_read):
        return check_data(ask, as_read)


def answer_of_epoch(source: AnalysisSource, request: LookRequest) -> str | None:
    """What the ledger says of an epoch that is over."""
    with _answering(source, None, request) as (ask, as_read):
        return seal_answer(ask, as_read)


@contextmanager
def _answering(
    source: AnalysisSource, memory: AnswerMemory | None, request: LookRequest
) -> Iterator[tuple[Ask, LookRequest]]:
    """What answers the request, the ledger or what was kept of it; and the request as it can."""
    if request.sealed_answer:
        yield partial(answers_from_seal, request), request
        return
    with opened_source(source, current_job()) as ledger:
        yield _remembering(ledger, memory), ledger.as_read(request)


def _remembering(ledger: OpenedSource, memory: AnswerMemory | None) -> Ask:
    return ledger.ask if memory is None else remembering(ledger.ask, memory, ledger.ask_again)


def _that_travels(error: Exception) -> Exception:
    """The error, or its words where it cannot travel between processes."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return WorkerError(f"{type(error).__name__}: {error}")
    return error
