"""A campaign's life through gRPC: created, changed, started, stopped, written down."""

import grpc
import pytest
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift.v1 import campaign_service_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from tests.server import shop
from tests.server.client import Caller, details

NAME = "campaigns/free-shipping"


async def create(caller: Caller, campaign: campaign_pb2.Campaign | None = None) -> None:
    request = pb.CreateCampaignRequest(campaign=campaign or shop.campaign())
    await caller.campaigns.CreateCampaign(request)


async def refused(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]  # a call of any method
    return caught.value


async def test_a_created_campaign_is_a_draft_as_it_was_sent(caller: Caller) -> None:
    sent = shop.campaign()
    sent.variants[1].payload.update({"threshold": 50})

    created = await caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=sent))
    stored = await caller.campaigns.GetCampaign(pb.GetCampaignRequest(name=NAME))

    assert stored == created
    assert stored.state == campaign_pb2.CAMPAIGN_STATE_DRAFT
    assert stored.etag
    assert stored.variants[1].payload["threshold"] == 50


async def test_an_invalid_campaign_is_refused_with_every_violation(caller: Caller) -> None:
    sent = shop.campaign(metric="revenu_per_visitor")
    sent.variants[1].weight = 0
    sent.variants[1].id = "control"

    error = await refused(caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=sent)))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    info, bad_request, _ = details(error)
    assert info.reason == "INVALID_CAMPAIGN"
    assert {violation.field for violation in bad_request.field_violations} == {
        "variants[1].id",
        "variants[1].weight",
        "plan.primary[0].metric",
    }


async def test_an_id_is_given_once(caller: Caller) -> None:
    await create(caller)

    error = await refused(
        caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=shop.campaign()))
    )

    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_a_campaign_in_another_currency_is_refused(caller: Caller) -> None:
    sent = shop.campaign()
    sent.currency_code = "USD"

    error = await refused(caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=sent)))

    assert details(error)[1].field_violations[0].field == "currency_code"


async def test_validating_keeps_nothing(caller: Caller) -> None:
    request = pb.CreateCampaignRequest(campaign=shop.campaign(), validate_only=True)
    await caller.campaigns.CreateCampaign(request)

    error = await refused(caller.campaigns.GetCampaign(pb.GetCampaignRequest(name=NAME)))

    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_layers_that_overlap_are_refused(caller: Caller) -> None:
    first, second = shop.campaign("first"), shop.campaign("second")
    for campaign, start in ((first, 0), (second, 4_000)):
        campaign.layer.layer = "checkout"
        campaign.layer.start_bps, campaign.layer.size_bps = start, 5_000
    await create(caller, first)

    error = await refused(
        caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=second))
    )

    assert "overlaps 0% to 50% of campaign first" in (error.details() or "")


async def test_lists_come_in_pages_bound_to_their_filter(caller: Caller) -> None:
    for number in range(5):
        await create(caller, shop.campaign(f"campaign-{number}"))

    names, token = [], ""
    while True:
        page = await caller.campaigns.ListCampaigns(
            pb.ListCampaignsRequest(page_size=2, page_token=token)
        )
        names += [campaign.name for campaign in page.campaigns]
        first_token = token or page.next_page_token
        token = page.next_page_token
        if not token:
            break
    error = await refused(
        caller.campaigns.ListCampaigns(
            pb.ListCampaignsRequest(
                page_token=first_token, states=[campaign_pb2.CAMPAIGN_STATE_RUNNING]
            )
        )
    )

    assert names == [f"campaigns/campaign-{number}" for number in range(5)]
    assert details(error)[1].field_violations[0].field == "page_token"


async def test_a_start_seals_the_plan(caller: Caller) -> None:
    running = await caller.start(shop.campaign())

    assert running.state == campaign_pb2.CAMPAIGN_STATE_RUNNING
    assert len(running.plan.hash) == 64
    assert running.plan.seal_time == running.start_time


async def test_a_campaign_without_a_plan_cannot_start(caller: Caller) -> None:
    campaign = shop.campaign()
    campaign.ClearField("plan")
    await create(caller, campaign)

    error = await refused(caller.campaigns.StartCampaign(pb.StartCampaignRequest(name=NAME)))

    assert details(error)[1].field_violations[0].field == "plan"


async def test_states_follow_each_other(caller: Caller) -> None:
    campaigns = caller.campaigns
    await caller.start(shop.campaign())

    paused = await campaigns.PauseCampaign(pb.PauseCampaignRequest(name=NAME))
    again = await refused(campaigns.PauseCampaign(pb.PauseCampaignRequest(name=NAME)))
    resumed = await campaigns.ResumeCampaign(pb.ResumeCampaignRequest(name=NAME))
    stopped = await campaigns.StopCampaign(pb.StopCampaignRequest(name=NAME, reason="shipped free"))
    restart = await refused(campaigns.ResumeCampaign(pb.ResumeCampaignRequest(name=NAME)))
    archived = await campaigns.ArchiveCampaign(pb.ArchiveCampaignRequest(name=NAME))
    listed = await campaigns.ListCampaigns(pb.ListCampaignsRequest())

    assert paused.state == campaign_pb2.CAMPAIGN_STATE_PAUSED
    assert again.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "is paused; to pause it, it must be running" in (again.details() or "")
    assert resumed.state == campaign_pb2.CAMPAIGN_STATE_RUNNING
    assert stopped.stop_time.seconds > 0
    assert restart.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert archived.state == campaign_pb2.CAMPAIGN_STATE_ARCHIVED
    assert not listed.campaigns


async def test_a_stale_etag_is_refused(caller: Caller) -> None:
    await caller.start(shop.campaign())

    error = await refused(
        caller.campaigns.PauseCampaign(pb.PauseCampaignRequest(name=NAME, etag="old"))
    )

    assert error.code() is grpc.StatusCode.ABORTED
    assert details(error)[0].reason == "STALE_ETAG"


async def test_a_safe_change_keeps_the_epoch(caller: Caller) -> None:
    campaign = await caller.start(shop.campaign())
    campaign.display_name = "Free shipping"

    changed = await caller.campaigns.UpdateCampaign(pb.UpdateCampaignRequest(campaign=campaign))

    assert changed.epoch == 1
    assert changed.display_name == "Free shipping"
    assert changed.etag != campaign.etag


async def test_a_file_that_says_nothing_of_a_key_leaves_the_sealed_plan_unchanged(
    caller: Caller,
) -> None:
    file = shop.campaign()
    written = shop.campaign()
    written.plan.alpha, written.plan.window_days, written.plan.settle_hours = 0.1, 7, 30
    written.plan.decide = plan_pb2.DECIDE_DAILY
    for message in (file, written):
        message.plan.ClearField("window")
    for name in ("alpha", "window_days", "settle_hours", "decide"):
        file.plan.ClearField(name)
    started = await caller.start(written)

    (silent,) = (
        await caller.campaigns.PlanChange(pb.PlanChangeRequest(campaigns=[file]))
    ).campaigns
    updated = await caller.campaigns.UpdateCampaign(pb.UpdateCampaignRequest(campaign=file))
    file.plan.alpha, file.plan.rule_version = 0.05, 9
    (spoken,) = (
        await caller.campaigns.PlanChange(pb.PlanChangeRequest(campaigns=[file]))
    ).campaigns

    assert silent.change_class == pb.CHANGE_CLASS_NONE
    assert updated == started
    assert (started.plan.alpha, started.plan.rule_version) == (0.1, 1)
    assert spoken.change_class == pb.CHANGE_CLASS_REFUSED
    assert [change.field for change in spoken.changes] == ["plan.alpha"]


async def test_new_weights_need_consent_to_a_new_epoch(caller: Caller) -> None:
    campaign = await caller.start(shop.campaign())
    campaign.variants[1].weight = 3
    planned = await caller.campaigns.PlanChange(pb.PlanChangeRequest(campaigns=[campaign]))
    request = pb.UpdateCampaignRequest(campaign=campaign)

    error = await refused(caller.campaigns.UpdateCampaign(request))
    request.new_epoch = True
    changed = await caller.campaigns.UpdateCampaign(request)

    (planned_change,) = planned.campaigns
    assert planned_change.change_class == pb.CHANGE_CLASS_NEW_EPOCH
    assert [change.field for change in planned_change.changes] == ["variants[1].weight"]
    assert (planned_change.campaign, planned_change.etag) == (NAME, campaign.etag)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details(error)[0].reason == "NEEDS_NEW_EPOCH"
    assert changed.epoch == 2
    await caller.accepted([shop.exposure("v-1", epoch=1), shop.exposure("v-2", epoch=2)])


async def test_a_sealed_plan_cannot_change(caller: Caller) -> None:
    campaign = await caller.start(shop.campaign())
    campaign.plan.planned_units *= 2

    error = await refused(
        caller.campaigns.UpdateCampaign(pb.UpdateCampaignRequest(campaign=campaign, new_epoch=True))
    )

    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details(error)[0].reason == "CHANGE_REFUSED"
    assert "sealed" in (error.details() or "")


async def test_a_mask_changes_only_what_it_names(caller: Caller) -> None:
    await create(caller)
    wish = campaign_pb2.Campaign(name=NAME, display_name="A", description="B")

    changed = await caller.campaigns.UpdateCampaign(
        pb.UpdateCampaignRequest(campaign=wish, update_mask=FieldMask(paths=["description"]))
    )

    assert (changed.display_name, changed.description) == ("", "B")
    assert len(changed.variants) == 2


@pytest.mark.parametrize("path", ["state", "etag", "colour"])
async def test_a_mask_may_not_name_what_is_no_field_of_callers(caller: Caller, path: str) -> None:
    await create(caller)

    error = await refused(
        caller.campaigns.UpdateCampaign(
            pb.UpdateCampaignRequest(campaign=shop.campaign(), update_mask=FieldMask(paths=[path]))
        )
    )

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error)[1].field_violations[0].field == "update_mask.paths[0]"


async def test_an_update_may_create_what_is_missing(caller: Caller) -> None:
    request = pb.UpdateCampaignRequest(campaign=shop.campaign())

    error = await refused(caller.campaigns.UpdateCampaign(request))
    planned = await caller.campaigns.PlanChange(pb.PlanChangeRequest(campaigns=[shop.campaign()]))
    request.allow_missing = True
    created = await caller.campaigns.UpdateCampaign(request)
    same = await caller.campaigns.UpdateCampaign(request)

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert [change.change_class for change in planned.campaigns] == [pb.CHANGE_CLASS_CREATE]
    assert not planned.campaigns[0].etag
    assert created.state == campaign_pb2.CAMPAIGN_STATE_DRAFT
    assert same == created


async def test_the_history_tells_who_did_what(caller: Caller) -> None:
    campaign = await caller.start(shop.campaign())
    campaign.display_name = "Free"
    await caller.campaigns.UpdateCampaign(
        pb.UpdateCampaignRequest(campaign=campaign, reason="shorter")
    )
    await caller.campaigns.StopCampaign(pb.StopCampaignRequest(name=NAME, reason="enough"))

    first = await caller.campaigns.ListChanges(pb.ListChangesRequest(name=NAME, page_size=3))
    rest = await caller.campaigns.ListChanges(
        pb.ListChangesRequest(name=NAME, page_size=3, page_token=first.next_page_token)
    )

    changes = [*first.changes, *rest.changes]
    assert [change.verb for change in changes] == ["create", "start", "update", "stop"]
    assert [change.field for change in changes[2].changes] == ["display_name"]
    assert (changes[2].reason, changes[3].reason) == ("shorter", "enough")
    assert not rest.next_page_token
    assert {change.resource for change in changes} == {NAME}


async def test_the_history_of_all_campaigns_is_one_list(caller: Caller) -> None:
    for name in ("campaigns/one", "campaigns/two"):
        campaign = shop.campaign()
        campaign.name = name
        await caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=campaign))
    await caller.campaigns.StartCampaign(pb.StartCampaignRequest(name="campaigns/one"))

    every = await caller.campaigns.ListChanges(pb.ListChangesRequest(name="campaigns/-"))

    told = [(change.resource, change.verb) for change in every.changes]
    assert told == [
        ("campaigns/one", "create"),
        ("campaigns/two", "create"),
        ("campaigns/one", "start"),
    ]


async def test_a_planned_change_says_in_which_state_the_campaign_is(caller: Caller) -> None:
    plan = pb.PlanChangeRequest(campaigns=[shop.campaign()])
    before = await caller.campaigns.PlanChange(plan)
    await caller.start(shop.campaign())
    await caller.campaigns.StopCampaign(pb.StopCampaignRequest(name=NAME))

    after = await caller.campaigns.PlanChange(plan)

    assert before.campaigns[0].state == campaign_pb2.CAMPAIGN_STATE_UNSPECIFIED
    assert after.campaigns[0].state == campaign_pb2.CAMPAIGN_STATE_STOPPED


async def test_the_holdout_is_kept(caller: Caller) -> None:
    updated = await caller.campaigns.UpdateHoldout(
        pb.UpdateHoldoutRequest(holdout=campaign_pb2.Holdout(share_bps=500))
    )
    read = await caller.campaigns.GetHoldout(pb.GetHoldoutRequest())
    error = await refused(
        caller.campaigns.UpdateHoldout(
            pb.UpdateHoldoutRequest(holdout=campaign_pb2.Holdout(share_bps=9_000))
        )
    )

    assert updated.share_bps == read.share_bps == 500
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_plan_of_unknown_shape_is_refused(caller: Caller) -> None:
    campaign = shop.campaign()
    campaign.plan.guardrails.add(metric="conversion_rate")
    campaign.plan.CopyFrom(
        plan_pb2.Plan(primary=campaign.plan.primary, guardrails=campaign.plan.guardrails)
    )

    error = await refused(
        caller.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=campaign))
    )

    fields = {violation.field for violation in details(error)[1].field_violations}
    assert {"plan.planned_units", "plan.guardrails[0].margin"} <= fields
