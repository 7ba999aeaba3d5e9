"""The SDK and the real server: what one decides the other does too, and nothing is lost."""

import grpc
from fairlift import Client, OrderLine, Reason, micros
from fairlift.engine.campaign import Campaign, LayerSlice, Variant
from fairlift.engine.plan import Plan, PlannedMetric
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.wire.campaign import campaign_to
from fairlift_cli.audience.parser import parse

from examples.server import running_server
from tests.client.shop import eventually

PLAN = Plan(primary=(PlannedMetric("conversion_rate", minimum_effect=0.05),), planned_units=10_000)
CAMPAIGNS = [
    Campaign(
        "free-shipping",
        (Variant("control"), Variant("over-50", weight=2, payload={"threshold": 50})),
        audience=parse('country in ["ES", "RO"] and cart_value between 30 and 50'),
        traffic_bps=8_000,
        overrides={"tester": "over-50"},
        plan=PLAN,
    ),
    Campaign(
        "wheel",
        (Variant("none", control=True), Variant("wheel")),
        audience=parse("not returning"),
        layer=LayerSlice("popups", 0, 5_000),
        plan=PLAN,
    ),
    Campaign(
        "coupon",
        (Variant("none"), Variant("coupon")),
        layer=LayerSlice("popups", 5_000, 5_000),
        plan=PLAN,
    ),
]


def test_sdk_and_server_decide_alike_and_every_event_is_accepted() -> None:
    with running_server(currency="EUR") as target, grpc.insecure_channel(target) as channel:
        service: CampaignServiceStub = CampaignServiceStub(channel)
        for campaign in CAMPAIGNS:
            service.CreateCampaign(pb.CreateCampaignRequest(campaign=campaign_to(campaign)))
            service.StartCampaign(pb.StartCampaignRequest(name=campaign.name))
        with Client(target) as local, Client(target, decide="server", timeout_s=5.0) as thin:
            assert eventually(lambda: len(local.assign_all("v")) == len(CAMPAIGNS))
            _alike(local, thin)
            _alike_after_login(local, thin)
            _recorded(local)
            service.PauseCampaign(pb.PauseCampaignRequest(name="campaigns/coupon"))
            assert eventually(lambda: local.assign("coupon", "v").reason is Reason.PAUSED)


def _alike(local: Client, thin: Client) -> None:
    seen = set()
    for number in range(200):
        visitor = "tester" if number == 0 else f"señor-{number}"
        attributes = {
            "country": ("ES", "RO", "FR")[number % 3],
            "cart_value": 25.5 + number % 30,
            "returning": number % 2 == 0,
            "is_bot": number % 50 == 7,
        }
        here, there = local.assign_all(visitor, attributes), thin.assign_all(visitor, attributes)
        assert here.keys() == there.keys()
        for campaign, one in here.items():
            other = there[campaign]
            seen.add(one.reason)
            assert (one.variant, one.reason, one.payload, one.epoch, one.unit, one.is_control) == (
                other.variant,
                other.reason,
                other.payload,
                other.epoch,
                other.unit,
                other.is_control,
            )
    assert seen == {
        Reason.ASSIGNED,
        Reason.NOT_IN_AUDIENCE,
        Reason.NOT_IN_TRAFFIC,
        Reason.OTHER_LAYER,
        Reason.OVERRIDE,
        Reason.BOT,
    }


def _alike_after_login(local: Client, thin: Client) -> None:
    shown = (local.assign("coupon", f"laptop-{number}") for number in range(1_000))
    first = next(each for each in shown if each.is_in_campaign)
    local.identify(first.unit, "customer")
    thin.identify(first.unit, "customer")
    phones = [f"phone-{number}" for number in range(50)]

    for client in (local, thin):
        kept = [client.assign("coupon", phone, customer="customer") for phone in phones]
        assert {(each.unit, each.variant) for each in kept} == {(first.unit, first.variant)}
        assert {client.assign("coupon", phone).variant for phone in phones} == {"none", "coupon"}
    # What one caller knows is not another's.
    others = [thin.assign("coupon", phone, customer="other").unit for phone in phones]
    assert others == phones


def _recorded(client: Client) -> None:
    for number in range(100):
        visitor = f"buyer-{number}"
        client.assign_all(visitor, {"country": "ES", "cart_value": 40.0}, expose=True)
        client.action(visitor, "add_to_cart")
        lines = [OrderLine("p", 1, micros("40.00"))]
        client.order(visitor, f"order-{number}", lines, currency="EUR")
    client.identify("buyer-1", "ana")
    assert client.flush(20)

    stats = client.stats()
    assert (stats.refused, stats.dropped, stats.errors) == ({}, {}, 0)
    # One popup for each buyer, and free shipping for the eight in ten who are in its traffic.
    assert stats.accepted > 100 + 100 + 100 + 60
