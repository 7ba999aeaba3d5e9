"""Whether `check` and the server agree about campaign files; each judge returns what passed."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from fairlift.engine.errors import InvalidCampaign
from fairlift.v1.campaign_pb2 import Campaign
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

from tests.cli.campaign_sets import mutated, text_of

ROOT = Path(__file__).parents[2]
# Read once: what is mutated.
SEEDS = [
    path.read_text()
    for folder in ("tests/campaigns/good", "examples/campaigns")
    for path in sorted((ROOT / folder).glob("*.yaml"))
    if not path.name.endswith(".test.yaml") and "campaign:" in path.read_text()
]
SHOP_CURRENCY = "EUR"
# Found by comparing campaigns of one file, which a campaign alone does not show.
AMONG_CAMPAIGNS = {"FL202", "FL402", "FL407", "FL408"}


def checked(text: str) -> CheckResult:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "campaigns.yaml")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return check_files([path])


def is_passed(result: CheckResult) -> bool:
    """Whether nothing is found that the server would refuse."""
    return not any(rules()[finding.rule].is_fixed for finding in result.found)


def is_accepted(service: CampaignServiceStub, campaigns: list[Campaign]) -> bool:
    """Whether the server would apply the set; it keeps nothing of it."""
    batch = BatchUpdateCampaignsRequest(
        requests=[
            UpdateCampaignRequest(campaign=campaign, allow_missing=True, validate_only=True)
            for campaign in campaigns
        ]
    )
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


def needs_a_server(campaigns: list[Campaign]) -> bool:
    """Whether only a server can judge the set: for its own currency, or for campaigns it has."""
    is_foreign = any(campaign.currency_code not in ("", SHOP_CURRENCY) for campaign in campaigns)
    return is_foreign or _requires_others(campaigns)


def _requires_others(campaigns: list[Campaign]) -> bool:
    names = {campaign.name.removeprefix("campaigns/") for campaign in campaigns}
    return any(
        required.campaign.removeprefix("campaigns/") not in names
        for campaign in campaigns
        for required in campaign.prerequisites
    )


def judge_set(service: CampaignServiceStub, documents: list[dict[str, Any]]) -> bool:
    """Checks and plans a set of campaigns; both must give the same answer."""
    result = checked(text_of(documents))
    campaigns = [document.message for document in result.documents]
    assert len(campaigns) == len(documents)
    passed = is_passed(result)
    if not needs_a_server(campaigns):
        assert passed == is_accepted(service, campaigns), "\n".join(map(str, result.found))
    return passed


def judge_campaign(service: CampaignServiceStub, document: dict[str, Any]) -> bool:
    """Checks and creates one campaign, which requires no other; both give the same answer."""
    result = checked(text_of([document]))
    request = CreateCampaignRequest(campaign=result.documents[0].message, validate_only=True)
    passed = is_passed(result)
    is_created = was_taken(lambda: service.CreateCampaign(request, timeout=30))
    assert passed == is_created, "\n".join(map(str, result.found))
    return passed


def judge_mutated_set(service: CampaignServiceStub, seed: int) -> bool:
    """Mutates the text of two to four good files as one set, and asks `check` and the server."""
    rng = random.Random(seed)
    campaigns: list[Campaign] = []
    while not campaigns or needs_a_server(campaigns):
        text = "\n---\n".join(rng.sample(SEEDS, rng.randint(2, 4))).replace("RON", SHOP_CURRENCY)
        text = mutated(text, rng, times=rng.randint(1, 2))
        reading = read_text(text, "campaigns.yaml")
        # What cannot be read as campaigns never reaches a server.
        campaigns = [] if reading.findings else [one.message for one in reading.documents]
    result = checked(text)
    passed = is_passed(result)
    assert passed == is_accepted(service, campaigns), (seed, result.found)
    return passed


def judge_mutated_file(seed: int) -> bool:
    """Mutates one good file and checks it.

    Findings point into the file, and what passes is what the engine takes.
    """
    rng = random.Random(seed)
    text = mutated(rng.choice(SEEDS), rng, times=rng.randint(1, 3))
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
    if is_taken and not passed:
        broken = {f.rule for f in result.found if rules()[f.rule].is_fixed}
        assert broken <= AMONG_CAMPAIGNS, (seed, result.found)
    else:
        assert passed == is_taken, (seed, result.found)
    return passed
