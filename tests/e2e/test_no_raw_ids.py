"""Ids that look like e-mail addresses rest nowhere: not in the database, its logs, or any file."""

import json
import time
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import (
    admin_service_pb2,
    assignment_service_pb2,
    campaign_service_pb2,
    event_service_pb2,
    results_service_pb2,
)
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.event_service_pb2_grpc import EventServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub

from tests.e2e.test_server_process import PATIENCE_S, process, statuses
from tests.server import shop

# No part of it is in anything that the server may keep.
PLANTED = "planted.{}@secret-shop.example"
NEEDLES = (b"planted.", b"secret-shop", "planted.".encode("utf-16-le"))
HOUR = timedelta(hours=1)


def planted(name: str) -> str:
    return PLANTED.format(name)


def hits(folder: Path) -> list[str]:
    """Files below the folder that hold a planted id."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(n in path.read_bytes() for n in NEEDLES)]


def every_kind() -> list[event_service_pb2.Event]:
    """Accepted, parked, refused and malformed events, each with a planted id of its own."""
    later = shop.now() + 2 * HOUR
    corrected = shop.order(planted("corrected"), "")
    moved = shop.order(planted("moved"), "", shop.line(20))
    bad_amount = shop.order(planted("bad-amount"), "o-bad")
    bad_amount.order.discount_micros = -1
    bad_campaign = shop.exposure(planted("bad-campaign"), campaign="free-shipping")
    bad_variant = shop.exposure(planted("bad-variant"), variant="none")
    bad_time = shop.action(planted("bad-time"), "view")
    bad_time.ClearField("event_time")
    control = shop.action(planted("control") + "\x07", "view")
    return [
        shop.exposure(planted("exposed"), attributes=planted("exposed")),
        shop.exposure(planted("segment"), country=planted("segment")),
        shop.action(planted("acted"), "view"),
        shop.order(planted("ordered"), "o-1"),
        shop.correction("o-1", corrected),
        shop.order(planted("ordered-2"), "o-2"),
        shop.correction("o-2", moved),
        shop.correction("o-nowhere", shop.order(planted("early"), "")),
        shop.identity(planted("visitor"), planted("customer")),
        shop.identity(planted("same"), planted("same")),
        # They wait: for a clock, a campaign, an epoch, a rate.
        shop.exposure(planted("clock"), at=later),
        shop.action(planted("clock-2"), "view", at=later),
        shop.order(planted("clock-3"), "o-3", at=later),
        shop.identity(planted("clock-4"), planted("clock-5"), at=later),
        shop.correction("o-3", shop.order(planted("clock-6"), ""), at=later),
        shop.exposure(planted("campaign"), campaign="campaigns/none", email=planted("campaign")),
        shop.exposure(planted("epoch"), epoch=9),
        shop.order(planted("rate"), "o-4", currency="USD"),
        # They are refused.
        bad_amount,
        bad_campaign,
        bad_variant,
        bad_time,
        control,
        shop.action(planted("bad-name"), "No Name"),
        shop.action(planted("long") * 20, "view"),
        shop.action(planted("old"), "view", at=shop.now() - timedelta(days=900)),
        shop.order(planted("conflict"), "o-1", shop.line(99)),
    ]


def call_everything(channel: grpc.Channel) -> None:
    assignments = AssignmentServiceStub(channel)
    for named in ([], ["campaigns/free-shipping"], ["campaigns/none"]):
        assignments.AssignVariants(
            assignment_service_pb2.AssignVariantsRequest(
                visitor_id=planted("assigned"),
                customer_id=planted("customer"),
                first_seen_visitor_id=planted("first"),
                campaigns=named,
            )
        )
    malformed: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        "/fairlift.v1.EventService/RecordEvents"
    )
    for data in (b"\xff" + planted("malformed").encode(), planted("bytes").encode()):
        with pytest.raises(grpc.RpcError, match=r"^(?!.*planted)(?s:.)*$"):
            malformed(data, timeout=PATIENCE_S)


def test_a_planted_id_is_in_no_file_and_no_log(tmp_path: Path) -> None:
    folder, logs = tmp_path / "shop", tmp_path / "logs"
    folder.mkdir()
    logs.mkdir()
    events = every_kind()
    with (
        (logs / "1.log").open("w") as log,
        process(folder, log=log, FAIRLIFT_LOG_LEVEL="debug") as (server, address),
        grpc.insecure_channel(address) as channel,
    ):
        campaign = shop.campaign(segments=["country"])
        campaigns = CampaignServiceStub(channel)
        campaigns.CreateCampaign(campaign_service_pb2.CreateCampaignRequest(campaign=campaign))
        campaigns.StartCampaign(campaign_service_pb2.StartCampaignRequest(name=campaign.name))
        time.sleep(0.1)
        events = every_kind()
        request = event_service_pb2.RecordEventsRequest(events=events)
        outcomes = EventServiceStub(channel).RecordEvents(request).outcomes
        seen = [outcome.status for outcome in outcomes]
        again = statuses(channel, events)
        call_everything(channel)
        ResultsServiceStub(channel).GetResults(
            results_service_pb2.GetResultsRequest(name=campaign.name)
        )
        health = ResultsServiceStub(channel).GetHealth(
            results_service_pb2.GetHealthRequest(name=campaign.name)
        )
        while_running = hits(folder)
        AdminServiceStub(channel).EraseUnit(
            admin_service_pb2.EraseUnitRequest(unit_id=planted("rate"))
        )
        list(
            AdminServiceStub(channel).ExportUnit(
                admin_service_pb2.ExportUnitRequest(unit_id=planted("ordered"))
            )
        )
        server.terminate()
        server.wait(PATIENCE_S)

    accepted, parked = (
        event_service_pb2.EVENT_STATUS_ACCEPTED,
        event_service_pb2.EVENT_STATUS_PARKED,
    )
    # The test plants ids in rows, in waiting events and in refused ones, or it shows nothing.
    assert (seen.count(accepted), seen.count(parked)) == (9, 8)
    assert again.count(event_service_pb2.EVENT_STATUS_DUPLICATE) == 9
    assert not [o.message for o in outcomes if "planted" in o.message or "secret" in o.message]
    assert while_running == []
    assert hits(folder) == []
    assert hits(logs) == []
    (ids,) = (check for check in health.checks if check.name == "ids")
    assert ids.value > 15
    assert ids.status == results_service_pb2.HEALTH_STATUS_OK
    lines = [json.loads(line) for line in (logs / "1.log").read_text().splitlines()]
    assert any("look like e-mail addresses" in line["message"] for line in lines)


def test_the_grep_finds_raw_ids_where_they_are_stored(tmp_path: Path) -> None:
    """The test above can fail."""
    with (
        process(tmp_path, FAIRLIFT_RAW_IDS="yes") as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        statuses(channel, [shop.action(planted("acted"), "view")])

        assert hits(tmp_path) != []
