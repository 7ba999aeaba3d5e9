"""What `check` passes, the server accepts, and the other way round."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from hypothesis import HealthCheck, given, settings

from tests.cli.agreement import judge_campaign, judge_mutated_file, judge_mutated_set, judge_set
from tests.cli.campaign_sets import SETS, campaigns


@pytest.fixture(scope="module")
def service(address: str) -> Iterator[CampaignServiceStub]:
    with grpc.insecure_channel(address) as channel:
        yield CampaignServiceStub(channel)


TOGETHER = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@TOGETHER
@given(documents=SETS)
def test_a_set_passes_the_check_if_and_only_if_the_server_accepts_it(
    service: CampaignServiceStub, documents: list[dict[str, Any]]
) -> None:
    judge_set(service, documents)


@TOGETHER
@given(document=campaigns().filter(lambda document: not document.get("prerequisites")))
def test_a_campaign_passes_the_check_if_and_only_if_it_can_be_created(
    service: CampaignServiceStub, document: dict[str, Any]
) -> None:
    judge_campaign(service, document)


def test_a_mutated_set_passes_the_check_if_and_only_if_the_server_accepts_it(
    service: CampaignServiceStub,
) -> None:
    passed = [judge_mutated_set(service, seed) for seed in range(60)]

    assert 0 < sum(passed) < 60


def test_mutated_files_are_told_or_taken_and_never_crash_the_check() -> None:
    passed = [judge_mutated_file(seed) for seed in range(300)]

    assert 20 < sum(passed) < 280
