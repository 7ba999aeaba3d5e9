"""The id of a call goes from the caller into the answer, the errors and the log."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from fairlift.transport import Endpoint
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2, event_service_pb2
from fairlift_server import request_ids
from fairlift_server.api.call_classes import longest_s
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.permissions import ROLES
from fairlift_server.api.slow_calls import EVERY_S, SlowCalls
from fairlift_server.logs import JsonFormatter

from tests.server import shop
from tests.server.client import Caller, details, running

ASSIGN = assignment_service_pb2.AssignVariantsRequest(visitor_id="v-secret")
Lines = list[dict[str, object]]


class JsonLog(logging.Handler):
    """What the server would print."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: Lines = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def json_log() -> JsonLog:
    return JsonLog()


@pytest.fixture(autouse=True)
def _logging(json_log: JsonLog) -> object:
    logger = logging.getLogger("fairlift")
    level = logger.level
    logger.addHandler(json_log)
    logger.setLevel(logging.INFO)
    yield
    logger.removeHandler(json_log)
    logger.setLevel(level)


async def answered(caller: Caller, *metadata: tuple[str, str]) -> str:
    call = caller.assignments.AssignVariants(ASSIGN, metadata=metadata)
    await call
    return str(dict(await call.trailing_metadata())["x-request-id"])


async def test_the_callers_id_comes_back_and_others_get_one(caller: Caller) -> None:
    assert await answered(caller, ("x-request-id", "shop-1.A_b")) == "shop-1.A_b"
    made = {await answered(caller) for _ in range(20)}
    assert len(made) == 20
    assert all(len(one) == 16 for one in made)


@pytest.mark.parametrize("unusable", ["", "a" * 65, "two words", 'a"}', "a/b", "maria@shop"])
async def test_what_a_log_cannot_show_is_replaced(caller: Caller, unusable: str) -> None:
    id_ = await answered(caller, ("x-request-id", unusable))
    assert id_ != unusable
    assert len(id_) == 16


async def test_an_error_has_the_same_id_in_answer_details_and_log(
    caller: Caller, json_log: JsonLog
) -> None:
    request = campaign_service_pb2.GetCampaignRequest(name="campaigns/none")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.campaigns.GetCampaign(request)

    id_ = dict(caught.value.trailing_metadata())["x-request-id"]
    info, _, _ = details(caught.value)
    assert info.metadata["request_id"] == id_
    (line,) = [line for line in json_log.lines if line["message"] == "call"]
    assert (line["request_id"], line["code"]) == (id_, "NOT_FOUND")


async def test_a_refused_call_has_an_id_and_the_log_names_its_peer(
    tmp_path: Path, json_log: JsonLog
) -> None:
    async with running(tmp_path, token="s" * 16) as caller:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answered(caller, ("x-request-id", "refused-1"))

    assert dict(caught.value.trailing_metadata())["x-request-id"] == "refused-1"
    info, *_ = details(caught.value)
    assert info.metadata["request_id"] == "refused-1"
    (line,) = [line for line in json_log.lines if line["message"] == "calls refused"]
    assert (line["request_id"], line["peer"]) == ("refused-1", "ipv4:127.0.0.1")


async def test_a_call_that_is_refused_after_it_was_read_has_one_id(
    tmp_path: Path, json_log: JsonLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def set_request_id(metadata: Any) -> str:
        made.append(request_ids.set_request_id(metadata))
        return made[-1]

    counted = SimpleNamespace(HEADER=request_ids.HEADER, set_request_id=set_request_id)
    monkeypatch.setattr("fairlift_server.api.call_record.request_ids", counted)
    # There is room when the call comes, and none any more when its message was read.
    shortages = iter(["", "too many run"])
    monkeypatch.setattr(CallRooms, "shortage", lambda *_: next(shortages))
    async with running(tmp_path) as caller:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await caller.events.RecordEvents(event_service_pb2.RecordEventsRequest())

    ids = [value for key, value in caught.value.trailing_metadata() or () if key == "x-request-id"]
    (line,) = [line for line in json_log.lines if line["message"] == "calls refused"]
    assert ids == made == [line["request_id"]]


async def test_lines_outside_of_calls_have_no_id(tmp_path: Path, json_log: JsonLog) -> None:
    async with running(tmp_path) as caller:
        await answered(caller, ("x-request-id", "only-mine"))

    assert json_log.lines
    assert all("request_id" not in line for line in json_log.lines)


def test_the_sdk_sends_a_batch_again_under_the_same_id() -> None:
    sent = []

    class Recorder(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(self, _continue: object, call: Any, _: object) -> Any:
            sent.append(dict(call.metadata)["x-request-id"])
            raise ValueError("not sent")

    connection = Endpoint("127.0.0.1:1").connect(is_blocking=True)
    channel = grpc.intercept_channel(connection._channel, Recorder())
    connection._events = type(connection._events)(channel)
    connection._assignments = type(connection._assignments)(channel)
    event = event_service_pb2.Event(event_id=shop.event_id())
    for _ in range(2):
        with pytest.raises(ValueError, match="not sent"):
            connection.record([event], timeout_s=1)
        with pytest.raises(ValueError, match="not sent"):
            connection.assign(ASSIGN, timeout_s=1)
    connection.close()

    batch, assigned, again, another = sent
    assert batch == again == event.event_id
    assert len({batch, assigned, another}) == 3
    assert "v-secret" not in str(sent)


def test_slow_calls_are_one_line_a_minute(json_log: JsonLog) -> None:
    now = 1_000.0
    slow = SlowCalls("/fairlift.v1.EventService/RecordEvents", lambda: now)
    for _ in range(3):
        slow.add(2.5, code="OK", peer="10.0.0.7")
    now += EVERY_S + 1
    slow.add(3.0, code="OK", peer="10.0.0.8")

    assert slow.slow_s == 1.0
    assert [(line["ms"], line["peer"], line["others"]) for line in json_log.lines] == [
        ("2500", "10.0.0.7", 0),
        ("3000", "10.0.0.8", 2),
    ]


@pytest.mark.parametrize("method", sorted(ROLES))
def test_a_call_is_slow_long_before_it_is_ended(method: str) -> None:
    """From docs/operating.md, "Watching": 0.1 s to 30 s, by what a call is for."""
    slow_s = SlowCalls(method).slow_s

    if method.endswith("/AssignVariants"):
        assert slow_s == 0.1
    elif longest_s(method) > 60:
        assert slow_s == 30.0
    else:
        assert slow_s == (5.0 if method.endswith("/ListReports") else 1.0)


async def test_a_slow_call_is_logged_with_its_id(
    tmp_path: Path, json_log: JsonLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlift_server.api.slow_calls._SLOW_ASSIGNMENT_S", 0.0)
    async with running(tmp_path) as other:
        await answered(other, ("x-request-id", "slow-1"))

    (line,) = [line for line in json_log.lines if line["message"] == "slow call"]
    assert line["request_id"] == "slow-1"
    assert line["peer"] == "127.0.0.1"
