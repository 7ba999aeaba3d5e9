"""What `check` passes, the server accepts, and the other way round."""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from fairlift.engine.errors import InvalidCampaign
from fairlift.v1.campaign_service_pb2 import (
    BatchUpdateCampaignsRequest,
    CreateCampaignRequest,
    UpdateCampaignRequest,
)
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.wire.campaign import campaign_from
from fairlift_cli.check import CheckResult, check_files
from fairlift_cli.reader import read_text
from fairlift_cli.rules import rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.campaign_sets import campaigns, mutated, text_of

FILES = Path(__file__).parent.parent / "campaigns"
# Read once: what is mutated.
SEEDS = [path.read_text() for path in sorted((FILES / "good").glob("*.yaml"))]


@pytest.fixture(scope="module")
def service(address: str) -> Iterator[CampaignServiceStub]:
    with grpc.insecure_channel(address) as channel:
        yield CampaignServiceStub(channel)


def checked(text: str) -> CheckResult:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "campaigns.yaml")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return check_files([path])


def is_passed(result: CheckResult) -> bool:
    """Whether nothing is found that the server would refuse."""
    return not any(rules()[finding.rule].is_fixed for finding in result.found)


def is_accepted(service: CampaignServiceStub, result: CheckResult) -> bool:
    """Whether the server would apply the set; it keeps nothing of it."""
    requests = [
        UpdateCampaignRequest(campaign=document.message, allow_missing=True, validate_only=True)
        for document in result.documents
    ]
    batch = BatchUpdateCampaignsRequest(requests=requests)
    return was_taken(lambda: service.BatchUpdateCampaigns(batch, timeout=30))


def was_taken(call: Callable[[], object]) -> bool:
    """Whether the call succeeds; when it does not, its arguments are the reason."""
    refusal: Any = None
    try:
        call()
    except grpc.RpcError as error:
        refusal = error
    assert refusal is None or refusal.code() is grpc.StatusCode.INVALID_ARGUMENT, refusal
    return refusal is None


def requires_others(documents: list[dict[str, Any]]) -> bool:
    """Whether a campaign builds on one that is not in the set, which only a server can know."""
    names = {document["campaign"] for document in documents}
    return any(
        required["campaign"] not in names
        for document in documents
        for required in document.get("prerequisites", ())
    )


SETS = st.lists(campaigns(), min_size=1, max_size=4)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(documents=SETS.filter(lambda documents: not requires_others(documents)))
def test_a_set_passes_the_check_if_and_only_if_the_server_accepts_it(
    service: CampaignServiceStub, documents: list[dict[str, Any]]
) -> None:
    result = checked(text_of(documents))

    assert len(result.documents) == len(documents)
    assert is_passed(result) == is_accepted(service, result), "\n".join(map(str, result.found))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(document=campaigns().filter(lambda document: not document.get("prerequisites")))
def test_a_campaign_passes_the_check_if_and_only_if_it_can_be_created(
    service: CampaignServiceStub, document: dict[str, Any]
) -> None:
    result = checked(text_of([document]))
    request = CreateCampaignRequest(campaign=result.documents[0].message, validate_only=True)

    is_created = was_taken(lambda: service.CreateCampaign(request, timeout=30))

    assert is_passed(result) == is_created, "\n".join(map(str, result.found))


def mutation_judged(seed: int) -> bool:
    """Checks one mutated file; returns whether it passes.

    Findings point into the file, and what passes is what the engine takes.
    """
    rng = random.Random(seed)
    text = mutated(rng.choice(SEEDS), rng)
    result = checked(text)
    lines = text.split("\n")
    for finding in result.found:
        assert 1 <= finding.line <= len(lines), (seed, finding)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1, (seed, finding)
        assert finding.message
        assert "\n" not in str(finding)
    reading = read_text(text, "campaigns.yaml")
    is_taken = not reading.findings and len(reading.documents) > 0
    for document in reading.documents:
        try:
            campaign_from(document.message)
        except InvalidCampaign:
            is_taken = False
    passed = is_passed(result)
    among = {"FL202", "FL402", "FL407", "FL408"}
    if is_taken and not passed:
        broken = {f.rule for f in result.found if rules()[f.rule].is_fixed}
        assert broken <= among, (seed, result.found)
    else:
        assert passed == is_taken, (seed, result.found)
    return passed


def test_mutated_files_are_told_or_taken_and_never_crash_the_check() -> None:
    passed = [mutation_judged(seed) for seed in range(300)]

    assert 20 < sum(passed) < 280
