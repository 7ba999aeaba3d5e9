"""Ends calls with errors, and logs one line for each; debugging shows the other calls, too."""

import logging
import time
from typing import NoReturn

from fairlift.engine.errors import FairliftError

from fairlift_server.api.call_record import Context
from fairlift_server.api.errors import STATUS, abort, reason
from fairlift_server.request_ids import CURRENT

log = logging.getLogger("fairlift.calls")


async def abort_logged(method: str, context: Context, error: FairliftError) -> NoReturn:
    """Ends a call with an error of ours."""
    request_id = CURRENT.get()
    code = STATUS[type(error)].name
    _log(logging.INFO, method, code, reason=reason(error))
    await abort(context, error, request_id=request_id)


async def abort_internal(method: str, context: Context) -> NoReturn:
    """Ends a call after an exception that is not ours, which is being handled, with its trace."""
    request_id = CURRENT.get()
    _log(logging.ERROR, method, "INTERNAL", exc_info=True)
    error = FairliftError(f"internal server error, logged under request id {request_id}")
    await abort(context, error, request_id=request_id)


def log_answer(method: str, *, started: float) -> None:
    """Logs a call without an error, which began at a time of `time.monotonic`."""
    if log.isEnabledFor(logging.DEBUG):
        _log(logging.DEBUG, method, "OK", ms=f"{(time.monotonic() - started) * 1_000:.1f}")


def _log(level: int, method: str, code: str, *, exc_info: bool = False, **fields: str) -> None:
    """Logs one call, never its contents: visitor ids do not belong in logs."""
    if log.isEnabledFor(level):
        extra = {"fields": {"method": method, "code": code, **fields}}
        log.log(level, "call", exc_info=exc_info, extra=extra)
