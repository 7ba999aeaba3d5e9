"""docs/campaigns.md names every key, and what it says of them is so."""

import re
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from fairlift import Client, Reason
from fairlift.engine.audience import MAX_ATTRIBUTE_TEXT, MAX_CONDITION_DEPTH, MAX_LIST, MAX_NODES
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import OrderMeasure
from fairlift.v1 import campaign_pb2, campaign_service_pb2, plan_pb2
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift_cli.__main__ import main
from fairlift_cli.audience.parser import parse
from fairlift_cli.check import check_documents
from fairlift_cli.reader import read_text
from fairlift_cli.schema import keys
from google.protobuf.descriptor import Descriptor

from examples.server import running_server

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
PLAN = """
plan:
  primary: [{metric: conversion_rate, minimum_effect: 0.05}]
  planned_units: 40000
"""


def _block(kind: str, part: str) -> str:
    blocks: list[tuple[str, str]] = re.findall(
        r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    return next(block for found, block in blocks if found == kind and part in block)


@pytest.mark.parametrize(
    "message",
    [
        each.DESCRIPTOR
        for each in (
            *(campaign_pb2.Campaign, campaign_pb2.Variant, campaign_pb2.LayerSlice),
            *(campaign_pb2.Prerequisite, campaign_pb2.Schedule),
            *(plan_pb2.Plan, plan_pb2.PlannedMetric, plan_pb2.Metric, plan_pb2.Measure),
            *(plan_pb2.ActionMeasure, plan_pb2.ReturnMeasure, plan_pb2.Cap, plan_pb2.Stopping),
            *(plan_pb2.LineMeasure, plan_pb2.SegmentBands, plan_pb2.MicroValue),
            *(plan_pb2.GroupSequential, plan_pb2.Spending, plan_pb2.ExpectedLoss),
        )
    ],
    ids=lambda message: message.name,
)
def test_every_key_is_documented(message: Descriptor) -> None:
    used = {*re.findall(r"`([a-z_]+)", PAGE), *re.findall(r"\b([a-z_]+):", PAGE)}

    assert set(keys(message)) - used == set()


@pytest.mark.parametrize("measure", OrderMeasure)
def test_every_measure_of_orders_is_documented(measure: OrderMeasure) -> None:
    assert f"`{measure}`" in PAGE


def test_every_form_of_a_stopping_rule_is_one() -> None:
    rules = re.findall(r"^\| `(stopping: [^`]+)` \|", PAGE, re.MULTILINE)
    form = "campaign: x\nvariants: [{{id: a}}, {{id: b}}]{}  {}\n"

    assert len(rules) == len(plan_pb2.Stopping.DESCRIPTOR.fields)
    for rule in rules:
        reading = read_text(form.format(PLAN, rule), "x.yaml")
        assert [*reading.findings, *check_documents(reading.documents, now=NOW)] == []


@pytest.mark.parametrize("policy", IdentityPolicy)
def test_every_identity_policy_is_explained(policy: IdentityPolicy) -> None:
    assert f"\n| `{policy}` |" in PAGE


def test_every_form_of_a_condition_is_one() -> None:
    table = PAGE.partition("| form | example |\n")[2].partition("\n\n")[0]
    rows = [row.split(" | ")[1] for row in table.splitlines()[1:] if "`and`" not in row]
    examples = [example for row in rows for example in re.findall(r"`([^`]+)`", row)]

    assert len(examples) >= 15
    for example in examples:
        parse(example)


def test_budgets_are_those_of_the_language() -> None:
    said = " ".join(PAGE.split())

    assert f"at most {MAX_NODES} conditions" in said
    assert f"{MAX_CONDITION_DEPTH} levels deep" in said
    assert f"a list at most {MAX_LIST:,} values, a text {MAX_ATTRIBUTE_TEXT:,} characters" in said


def test_explanation_is_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command, _, shown = _block("", "$ fairlift check --explain").partition("\n")

    run = CliRunner().invoke(main, command.removeprefix("$ fairlift ").split())

    assert run.output == shown


def test_overrides_and_the_holdout_do_what_is_said() -> None:
    # Given the campaign of the document, running
    wheel = read_text(_block("yaml", "cookie-of-ana") + PLAN, "wheel.yaml").documents[0].message
    with running_server(currency="EUR") as target, grpc.insecure_channel(target) as channel:
        service: CampaignServiceStub = CampaignServiceStub(channel)
        service.CreateCampaign(campaign_service_pb2.CreateCampaignRequest(campaign=wheel))
        service.StartCampaign(campaign_service_pb2.StartCampaignRequest(name=wheel.name))
        with Client(target) as client:
            assert client.wait_ready(20)

            # Then its overrides hold, before any traffic, until the cookie is not what decides
            assert client.assign("wheel", "cookie-of-ana").variant == "wheel"
            assert client.assign("wheel", "cookie-of-ion").reason is Reason.OVERRIDE
            assert client.assign("wheel", "anybody").reason is Reason.NOT_IN_TRAFFIC
            client.identify("another-cookie", "ana")
            known = client.assign("wheel", "cookie-of-ana", customer="ana")
            assert (known.unit, known.reason) == ("another-cookie", Reason.NOT_IN_TRAFFIC)

        # And when the program for the holdout has run, some are held out
        exec(_block("python", "UpdateHoldout").replace("127.0.0.1:50051", target), {})
        with Client(target) as client:
            assert client.wait_ready(20)
            reasons = [client.assign("wheel", f"v{number}").reason for number in range(1_000)]
    # 5 %, and five standard deviations of 0.7 %.
    assert 15 <= reasons.count(Reason.HOLDOUT) <= 85
