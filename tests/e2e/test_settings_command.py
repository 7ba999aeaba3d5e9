"""fairlift-server settings: shown and changed beside a running server, which obeys in a second."""

import time
from pathlib import Path

import grpc
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub

from tests.e2e.server_commands import finished
from tests.e2e.test_server_process import process
from tests.server import shop

NOTHING_SET = (
    "exposure tokens: off\nlargest order: no limit\nlargest values of actions: no limit\n"
    "days that events are kept for: as FAIRLIFT_RETENTION_DAYS says\n"
)


def assigned_with_a_token(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
        (shown,) = AssignmentServiceStub(channel).AssignVariants(request).assignments
    return bool(shown.exposure_token)


def test_settings_are_changed_beside_a_running_server(tmp_path: Path) -> None:
    database = tmp_path / "shop.db"
    missing = finished(database, "settings")
    with process(tmp_path) as (_, address):
        with grpc.insecure_channel(address) as channel:
            campaigns, campaign = CampaignServiceStub(channel), shop.campaign()
            campaigns.CreateCampaign(campaign_service_pb2.CreateCampaignRequest(campaign=campaign))
            campaigns.StartCampaign(campaign_service_pb2.StartCampaignRequest(name=campaign.name))
        before = finished(database, "settings")
        changed = finished(
            database, "settings", "--exposure-tokens", "required", "--largest-order", "20000",
            "--largest-action-value", "nps=10", "--largest-action-value", "rated=5.5",
            "--retention-days", "0",
        )  # fmt: skip
        time.sleep(1)
        within_a_second = assigned_with_a_token(address)
        key = finished(database, "settings", "--new-exposure-key", "--reason", "a leak")
        lifted = finished(
            database, "settings", "--exposure-tokens", "off", "--largest-order", "none",
            "--largest-action-value", "nps=none", "--retention-days", "none",
        )  # fmt: skip
        unchanged = finished(database, "settings")
        odd = [
            finished(database, "settings", "--largest-order", value)
            for value in ("nan", "much", "0", "-1", "0.0000001", "1e19")
        ]
        only_a_reason = finished(database, "settings", "--reason", "a leak")
        after = finished(database, "settings")
        no_days = finished(database, "settings", "--retention-days", "-30")
        short = finished(database, "settings", "--retention-days", "7")

    assert missing[0] == 1
    assert before == (0, NOTHING_SET)
    shown = (
        "exposure tokens: required\nlargest order: 20,000.00 EUR\n"
        "largest values of actions: nps 10, rated 5.5\n"
        "days that events are kept for: for ever\n"
    )
    assert changed == key == (0, shown)
    assert within_a_second
    assert lifted == (
        0,
        "exposure tokens: off\nlargest order: no limit\n"
        "largest values of actions: rated 5.5\n"
        "days that events are kept for: as FAIRLIFT_RETENTION_DAYS says\n",
    )
    assert [code for code, _ in odd] == [2] * 6
    assert "must be a number, such as 20000, or none" in odd[0][1]
    # A hundred billion, as for every amount.
    rule = "must be above 0 and at most 100,000,000,000, or none"
    for value, (_, said) in zip(("0", "-1", "0.0000001", "1e19"), odd[2:], strict=True):
        assert f"argument --largest-order: is '{value}', {rule}" in said
    assert only_a_reason[0] == 2
    assert "--reason: nothing is changed" in only_a_reason[1]
    assert after == unchanged == lifted
    assert no_days[0] == 2
    assert "must be a number of days, such as 90, or none" in no_days[1]
    assert short[0] == 1
    assert "retention_days: is 7, must be 0 (keep everything), or 30 or more" in short[1]
