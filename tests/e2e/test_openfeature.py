"""A shop that speaks OpenFeature only: what its visitors buy is found in the results."""

import grpc
import pytest
from fairlift import Client
from fairlift.engine.campaign import Campaign, Variant
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.plan import Plan, PlannedMetric
from fairlift.openfeature import FairliftProvider
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1 import results_service_pb2 as results
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from fairlift.wire.campaign import campaign_to
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.track import TrackingEventDetails

from examples.server import running_server

BUYERS = 20


@pytest.mark.parametrize("policy", [IdentityPolicy.FIRST_SEEN, IdentityPolicy.EXCLUDE])
def test_buyers_who_are_known_as_customers_are_found(policy: IdentityPolicy) -> None:
    campaign = Campaign(
        "banner",
        (Variant("control"), Variant("banner")),
        plan=Plan(
            primary=(PlannedMetric("conversion_rate", minimum_effect=0.05),),
            planned_units=10_000,
            identity_policy=policy,
        ),
    )
    with running_server(currency="EUR") as target, grpc.insecure_channel(target) as channel:
        # Given a running campaign on visitors
        service: CampaignServiceStub = CampaignServiceStub(channel)
        service.CreateCampaign(campaigns.CreateCampaignRequest(campaign=campaign_to(campaign)))
        service.StartCampaign(campaigns.StartCampaignRequest(name=campaign.name))

        # When visitors who are logged in see it and buy
        api.set_provider_and_wait(FairliftProvider(Client(target), ready_s=20))
        flags = api.get_client()
        for number in range(BUYERS):
            visitor = EvaluationContext(f"cookie-{number}", {"customer_id": f"person-{number}"})
            flags.get_string_value("banner", "", visitor)
            order = TrackingEventDetails(25.0)
            order.add("order_id", f"o-{number}")
            order.add("currency", "EUR")
            flags.track("order", visitor, order)
        api.shutdown()

        # Then each of them is a buyer
        reports: ResultsServiceStub = ResultsServiceStub(channel)
        report = reports.GetResults(results.GetResultsRequest(name=campaign.name), timeout=60)
    assert sum(total.units for total in report.totals) == BUYERS
    assert sum(total.buyers for total in report.totals) == BUYERS
