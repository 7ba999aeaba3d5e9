"""CampaignService: messages in, messages out; the rules are elsewhere."""

from collections.abc import Callable
from typing import Any

import grpc
from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import campaign_pb2, campaign_service_pb2
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceServicer
from fairlift.wire.campaign import STATES, campaign_from, campaign_id, campaign_to
from fairlift.wire.change import CHANGE_CLASSES, change_to
from fairlift.wire.values import time_to
from google.protobuf.field_mask_pb2 import FieldMask

from fairlift_server.api.paging import Pages
from fairlift_server.campaigns import Campaigns, Update
from fairlift_server.store.campaigns import Change

# Any: one context serves every method here; none of them looks at its messages through it.
Context = grpc.aio.ServicerContext[Any, Any]

# What the server alone writes; a mask may not name it.
_OUTPUT = frozenset(
    {
        "name",
        "state",
        "epoch",
        "hash_version",
        "etag",
        "create_time",
        "update_time",
        "start_time",
        "stop_time",
        "epoch_time",
    }
)


class CampaignApi(CampaignServiceServicer):
    """Reads requests, calls the campaigns, writes answers."""

    def __init__(self, campaigns: Campaigns, pages: Pages) -> None:
        self._campaigns = campaigns
        self._pages = pages

    async def GetCampaign(
        self, request: pb.GetCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign."""
        return campaign_to(await self._campaigns.get(_named(request.name)))

    async def ListCampaigns(
        self, request: pb.ListCampaignsRequest, context: Context
    ) -> pb.ListCampaignsResponse:
        """A page of campaigns by id."""
        asked = {STATES.get(number, State.ARCHIVED) for number in request.states}
        states = sorted(asked) or [state for state in State if state is not State.ARCHIVED]
        listing = f"campaigns/{','.join(states)}"
        size = self._pages.size(request.page_size)
        found = await self._campaigns.listed(
            states, after=self._pages.after(listing, request.page_token), limit=size + 1
        )
        more = self._pages.token(listing, found[size - 1].id) if len(found) > size else ""
        return pb.ListCampaignsResponse(
            campaigns=map(campaign_to, found[:size]), next_page_token=more
        )

    async def CreateCampaign(
        self, request: pb.CreateCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign as it was kept."""
        if not request.HasField("campaign"):
            raise InvalidRequest([Violation("campaign", "is missing")])
        created = await self._campaigns.create(
            campaign_from(request.campaign),
            validate_only=request.validate_only,
            author=_author(context),
        )
        return campaign_to(created)

    async def UpdateCampaign(
        self, request: pb.UpdateCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign after the change."""
        given = request.campaign
        wish = Update(
            _named(given.name),
            change=_change(given, request.update_mask),
            whole=lambda: campaign_from(given),
            etag=given.etag,
            validate_only=request.validate_only,
            new_epoch=request.new_epoch,
            allow_missing=request.allow_missing,
        )
        return campaign_to(await self._campaigns.update(wish, author=_author(context)))

    async def PlanChange(
        self, request: pb.PlanChangeRequest, context: Context
    ) -> pb.PlanChangeResponse:
        """What the update would do."""
        given = request.campaign
        name = _named(given.name)
        whole = campaign_from(given)
        wish = Update(name, change=lambda _: whole, whole=lambda: whole)
        planned = await self._campaigns.plan_change(name, wish)
        return pb.PlanChangeResponse(
            change_class=CHANGE_CLASSES.to(planned.change_class),
            changes=map(change_to, planned.changes),
        )

    async def StartCampaign(
        self, request: pb.StartCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, running, its plan sealed."""
        return await self._move("start", request, context)

    async def PauseCampaign(
        self, request: pb.PauseCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, paused."""
        return await self._move("pause", request, context)

    async def ResumeCampaign(
        self, request: pb.ResumeCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, running again."""
        return await self._move("resume", request, context)

    async def StopCampaign(
        self, request: pb.StopCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, stopped for good."""
        if len(request.reason) > 1_000:
            text = f"has {len(request.reason)} characters, must have at most 1000"
            raise InvalidRequest([Violation("reason", text)])
        return await self._move("stop", request, context, reason=request.reason)

    async def ArchiveCampaign(
        self, request: pb.ArchiveCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, hidden."""
        return await self._move("archive", request, context)

    async def ListChanges(
        self, request: pb.ListChangesRequest, context: Context
    ) -> pb.ListChangesResponse:
        """A page of the campaign's history, oldest first."""
        name = _named(request.name)
        listing = f"changes/{name}"
        size = self._pages.size(request.page_size)
        after = self._pages.after(listing, request.page_token)
        found = await self._campaigns.history(name, after=int(after or 0), limit=size + 1)
        more = self._pages.token(listing, str(found[size - 1].id)) if len(found) > size else ""
        return pb.ListChangesResponse(changes=map(_entry, found[:size]), next_page_token=more)

    async def GetHoldout(
        self, request: pb.GetHoldoutRequest, context: Context
    ) -> campaign_pb2.Holdout:
        """The share of units kept out of every campaign."""
        return campaign_pb2.Holdout(share_bps=self._campaigns.holdout_bps())

    async def UpdateHoldout(
        self, request: pb.UpdateHoldoutRequest, context: Context
    ) -> campaign_pb2.Holdout:
        """The share as it is now."""
        share_bps = await self._campaigns.set_holdout(request.holdout.share_bps)
        return campaign_pb2.Holdout(share_bps=share_bps)

    # Any: the five requests are alike, yet of five types.
    async def _move(
        self, verb: str, request: Any, context: Context, *, reason: str = ""
    ) -> campaign_pb2.Campaign:
        moved = await self._campaigns.move(
            verb,
            _named(request.name),
            etag=request.etag,
            author=_author(context),
            reason=reason,
        )
        return campaign_to(moved)


def _named(name: str) -> str:
    found = campaign_id(name)
    if not found:
        raise InvalidRequest([Violation("name", "is missing, must be campaigns/ and an id")])
    return found


def _author(context: Context) -> str:
    """The name of the caller's token; empty on an open server."""
    sent = (key == "authorization" for key, _ in context.invocation_metadata() or ())
    return "token" if any(sent) else ""


def _change(given: campaign_pb2.Campaign, mask: FieldMask) -> Callable[[Campaign], Campaign]:
    """From the campaign as it is to the masked fields as given; without a mask, to all of them."""
    if not mask.paths:
        return lambda _: campaign_from(given)
    if unknown := _unknown_paths(mask):
        raise InvalidRequest(
            Violation(f"update_mask.paths[{index}]", f"{path!r} {rule}")
            for index, path, rule in unknown
        )

    def change(before: Campaign) -> Campaign:
        message = campaign_to(before)
        mask.MergeMessage(given, message, replace_message_field=True, replace_repeated_field=True)
        return campaign_from(message)

    return change


def _unknown_paths(mask: FieldMask) -> list[tuple[int, str, str]]:
    found = []
    for index, path in enumerate(mask.paths):
        if path.split(".")[0] in _OUTPUT:
            found.append((index, path, "is set by the server"))
        elif not FieldMask(paths=[path]).IsValidForDescriptor(campaign_pb2.Campaign.DESCRIPTOR):
            found.append((index, path, "is not a field of a campaign"))
    return found


def _entry(change: Change) -> campaign_service_pb2.Change:
    return pb.Change(
        change_time=time_to(change.time),
        author=change.author,
        verb=change.verb,
        epoch=change.epoch,
        changes=map(change_to, change.fields),
        reason=change.reason,
    )
