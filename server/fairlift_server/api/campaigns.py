"""CampaignService: reads requests, calls the lifecycle, writes responses."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import campaign_pb2
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceServicer
from fairlift.wire.campaign import STATES, campaign_from, campaign_to
from fairlift.wire.change import CHANGE_CLASSES, change_to
from fairlift.wire.plan import inherited
from fairlift.wire.values import time_from
from google.protobuf.field_mask_pb2 import FieldMask

from fairlift_server.api.authors import Authors
from fairlift_server.api.call_record import Context
from fairlift_server.api.change_messages import change_entry
from fairlift_server.api.names import campaign_id_of, checked_reason
from fairlift_server.api.paging import PageTokens
from fairlift_server.campaigns.lifecycle import CampaignLifecycle
from fairlift_server.campaigns.update import CampaignUpdate, PlannedChange

# Written by the server only: a field mask may not name them.
_OUTPUT_FIELDS = frozenset(
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

# In place of an id: those of all campaigns. No id begins with a hyphen.
_ALL = "-"

# Campaigns in one request.
_MAX_BATCH = 1_000


class CampaignApi(CampaignServiceServicer):
    """Implements the service on top of the campaign lifecycle."""

    def __init__(
        self, lifecycle: CampaignLifecycle, page_tokens: PageTokens, authors: Authors
    ) -> None:
        self._lifecycle = lifecycle
        self._page_tokens = page_tokens
        self._authors = authors

    async def GetCampaign(
        self, request: pb.GetCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign."""
        return campaign_to(await self._lifecycle.get(campaign_id_of(request.name)))

    async def ListCampaigns(
        self, request: pb.ListCampaignsRequest, context: Context
    ) -> pb.ListCampaignsResponse:
        """A page of campaigns, ordered by id."""
        requested = {STATES.get(number, State.ARCHIVED) for number in request.states}
        states = sorted(requested) or [state for state in State if state is not State.ARCHIVED]
        listing = f"campaigns/{','.join(states)}"
        size = self._page_tokens.size(request.page_size)
        campaigns = await self._lifecycle.listed(
            states, after=self._page_tokens.after(listing, request.page_token), limit=size + 1
        )
        return pb.ListCampaignsResponse(
            campaigns=map(campaign_to, campaigns[:size]),
            next_page_token=self._page_tokens.next_token(
                listing, campaigns, size, lambda campaign: campaign.id
            ),
        )

    async def CreateCampaign(
        self, request: pb.CreateCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign as it was stored."""
        if not request.HasField("campaign"):
            raise InvalidRequest([Violation("campaign", "is missing")])
        created = await self._lifecycle.create(
            _created(request.campaign),
            validate_only=request.validate_only,
            author=self._authors.of(context),
            reason=checked_reason(request.reason),
        )
        return campaign_to(created)

    async def UpdateCampaign(
        self, request: pb.UpdateCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign after the change."""
        [updated] = await self._lifecycle.update(
            [_update(request)], author=self._authors.of(context)
        )
        return campaign_to(updated)

    async def BatchUpdateCampaigns(
        self, request: pb.BatchUpdateCampaignsRequest, context: Context
    ) -> pb.BatchUpdateCampaignsResponse:
        """The campaigns after the changes: all of them, or none."""
        requests = request.requests
        _check_count("requests", len(requests))
        if len({each.validate_only for each in requests}) > 1:
            text = "differs among the requests; set it in all of them, or in none"
            raise InvalidRequest([Violation("requests.validate_only", text)])
        updates = [
            _update(each, path=f"requests[{index}].campaign") for index, each in enumerate(requests)
        ]
        updated = await self._lifecycle.update(updates, author=self._authors.of(context))
        return pb.BatchUpdateCampaignsResponse(campaigns=map(campaign_to, updated))

    async def PlanChange(
        self, request: pb.PlanChangeRequest, context: Context
    ) -> pb.PlanChangeResponse:
        """What the updates would do together."""
        _check_count("campaigns", len(request.campaigns))
        updates = [
            _update(pb.UpdateCampaignRequest(campaign=requested), path=f"campaigns[{index}]")
            for index, requested in enumerate(request.campaigns)
        ]
        planned = await self._lifecycle.plan_changes(updates)
        return pb.PlanChangeResponse(campaigns=map(_planned, planned))

    async def StartCampaign(
        self, request: pb.StartCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, running, with its plan sealed."""
        start_time = None
        if request.HasField("start_time"):
            start_time = time_from(request.start_time)
        return await self._move("start", request, context, start_time=start_time)

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
        return await self._move("stop", request, context)

    async def ArchiveCampaign(
        self, request: pb.ArchiveCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        """The campaign, archived."""
        return await self._move("archive", request, context)

    async def ListChanges(
        self, request: pb.ListChangesRequest, context: Context
    ) -> pb.ListChangesResponse:
        """A page of the history of one campaign, or of all, oldest first."""
        name = campaign_id_of(request.name)
        listing = f"changes/{name}"
        size = self._page_tokens.size(request.page_size)
        after = self._page_tokens.after(listing, request.page_token)
        entries = await self._lifecycle.history(
            None if name == _ALL else name, after=int(after or 0), limit=size + 1
        )
        return pb.ListChangesResponse(
            changes=map(change_entry, entries[:size]),
            next_page_token=self._page_tokens.next_token(
                listing, entries, size, lambda entry: str(entry.number)
            ),
        )

    async def GetHoldout(
        self, request: pb.GetHoldoutRequest, context: Context
    ) -> campaign_pb2.Holdout:
        """The share of units held out of every campaign."""
        return campaign_pb2.Holdout(share_bps=self._lifecycle.holdout_bps())

    async def UpdateHoldout(
        self, request: pb.UpdateHoldoutRequest, context: Context
    ) -> campaign_pb2.Holdout:
        """The share as it is now."""
        share_bps = await self._lifecycle.set_holdout(
            request.holdout.share_bps,
            author=self._authors.of(context),
            reason=checked_reason(request.reason),
        )
        return campaign_pb2.Holdout(share_bps=share_bps)

    # Any: five request types that share the fields name, etag and reason.
    async def _move(
        self, verb: str, request: Any, context: Context, *, start_time: datetime | None = None
    ) -> campaign_pb2.Campaign:
        moved = await self._lifecycle.move(
            verb,
            campaign_id_of(request.name),
            etag=request.etag,
            author=self._authors.of(context),
            reason=checked_reason(request.reason),
            start_time=start_time,
        )
        return campaign_to(moved)


def _check_count(field: str, count: int) -> None:
    if not 1 <= count <= _MAX_BATCH:
        text = f"has {count} campaigns, must have 1 to {_MAX_BATCH:,}; send more in several calls"
        raise InvalidRequest([Violation(field, text)])


def _update(request: pb.UpdateCampaignRequest, *, path: str = "") -> CampaignUpdate:
    requested = request.campaign
    return CampaignUpdate(
        campaign_id_of(requested.name),
        change=_change(requested, request.update_mask),
        create=lambda: _created(requested),
        etag=requested.etag,
        validate_only=request.validate_only,
        new_epoch=request.new_epoch,
        allow_missing=request.allow_missing,
        reason=checked_reason(request.reason),
        path=path,
    )


def _planned(planned: PlannedChange) -> pb.CampaignChange:
    before = planned.before.lifecycle if planned.before else None
    return pb.CampaignChange(
        campaign=planned.after.name,
        change_class=CHANGE_CLASSES.to(planned.change_class),
        changes=map(change_to, planned.changes),
        etag=before.etag if before else "",
        state=STATES.to(before.state) if before else campaign_pb2.CAMPAIGN_STATE_UNSPECIFIED,
    )


def _change(requested: campaign_pb2.Campaign, mask: FieldMask) -> Callable[[Campaign], Campaign]:
    """Replaces the masked fields by the requested ones; without a mask, all fields."""
    if not mask.paths:
        return lambda before: _changed(requested, before)
    if unknown := _unknown_paths(mask):
        raise InvalidRequest(
            Violation(f"update_mask.paths[{index}]", f"{path!r} {rule}")
            for index, path, rule in unknown
        )

    def change(before: Campaign) -> Campaign:
        message = campaign_to(before)
        mask.MergeMessage(
            requested, message, replace_message_field=True, replace_repeated_field=True
        )
        return _changed(message, before)

    return change


def _created(requested: campaign_pb2.Campaign) -> Campaign:
    """The campaign; which rule judges it is set by the server."""
    message = campaign_pb2.Campaign()
    message.CopyFrom(requested)
    if message.HasField("plan"):
        message.plan.ClearField("rule_version")
    return campaign_from(message)


def _changed(requested: campaign_pb2.Campaign, before: Campaign) -> Campaign:
    """The campaign; once it has started, what its plan leaves out is as it was sealed."""
    is_draft = before.lifecycle.state is State.DRAFT
    if is_draft or before.plan is None or not requested.HasField("plan"):
        return _created(requested)
    message = campaign_pb2.Campaign()
    message.CopyFrom(requested)
    message.plan.CopyFrom(inherited(requested.plan, before.plan))
    return campaign_from(message)


def _unknown_paths(mask: FieldMask) -> list[tuple[int, str, str]]:
    unknown = []
    for index, path in enumerate(mask.paths):
        if path.split(".")[0] in _OUTPUT_FIELDS:
            unknown.append((index, path, "is set by the server"))
        elif not FieldMask(paths=[path]).IsValidForDescriptor(campaign_pb2.Campaign.DESCRIPTOR):
            unknown.append((index, path, "is not a field of a campaign"))
    return unknown
