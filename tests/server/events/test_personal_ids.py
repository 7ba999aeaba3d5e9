"""Ids that look like an e-mail address or a phone number are counted, and never shown."""

from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as results_pb
from fairlift_server.events.personal_ids import EVERY_S, PersonalIds, looks_personal

from tests.server import shop
from tests.server.client import Caller, running


@pytest.mark.parametrize(
    "unit",
    [
        "ana@example.com",
        "ana.maria+shop@mail.example.co.uk",
        "ANA@EXAMPLE.COM",
        "țală@exemplu.ro",
        "+40721123456",
        "+40 721 123 456",
        "+1 (415) 555-0132",
        "0040721123456",
        "0721123456",
        "0721 123 456",
        "(0721) 123-456",
        "+34-612-345-678",
    ],
)
def test_what_looks_like_an_address_is_found(unit: str) -> None:
    assert looks_personal(unit)


@pytest.mark.parametrize(
    "unit",
    [
        "v",
        "visitor-17",
        "1234567890",
        "40721123456",
        "000000123456",
        "0",
        "+",
        "2026-11-24-0001",
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "user@host",
        "@ana",
        "a@b@c.d",
        "0721123456789012345678",
        "GA1.2.1234567890.1234567890",
    ],
)
def test_what_shops_number_by_is_not(unit: str) -> None:
    assert not looks_personal(unit)


def test_the_log_says_how_many_and_no_more_often_than_every_five_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = [0.0]
    ids = PersonalIds(is_keyed=False, now=lambda: seconds[0])
    for number in range(10):
        ids.look_at(f"ana{number}@example.com")
        ids.look_at(f"visitor-{number}")
    seconds[0] = EVERY_S + 1
    ids.look_at("ana@example.com")

    lines = [record for record in caplog.records if record.name == "fairlift.events"]
    assert [vars(line)["fields"]["ids"] for line in lines] == [1, 11]
    assert "ana" not in str([vars(line) for line in lines])
    assert ids.like_addresses == 11


@pytest.mark.parametrize(
    ("raw_ids", "status", "says"),
    [
        (False, results_pb.HEALTH_STATUS_OK, "stored as keyed hashes"),
        (True, results_pb.HEALTH_STATUS_WARNING, "stored as they came"),
    ],
)
async def test_health_counts_them(
    tmp_path: Path, raw_ids: bool, status: results_pb.HealthStatus.ValueType, says: str
) -> None:
    async with running(tmp_path, raw_ids=raw_ids) as caller:
        await caller.start(shop.campaign())
        before = await ids_check(caller)
        await caller.accepted([shop.action("visitor-1", "view")])
        none = await ids_check(caller)
        await caller.accepted(
            [shop.action("ana@example.com", "view"), shop.identity("v", "+40 721 123 456")]
        )
        # The same id again is the same id.
        await caller.accepted([shop.action("ana@example.com", "view")])
        found = await ids_check(caller)

    assert before.status == results_pb.HEALTH_STATUS_NOT_CHECKED
    assert (none.status, none.value) == (results_pb.HEALTH_STATUS_OK, 0)
    assert (found.status, found.value) == (status, 2)
    assert says in found.sentence
    assert "ana" not in found.sentence


async def ids_check(caller: Caller) -> results_pb.HealthCheck:
    request = results_pb.GetHealthRequest(name="campaigns/free-shipping")
    health = await caller.results.GetHealth(request)
    (check,) = (check for check in health.checks if check.name == "ids")
    return check
