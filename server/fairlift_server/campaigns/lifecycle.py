"""The lifecycle of campaigns: each step is checked, stored, logged and published."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from fairlift.engine.bucketing import HASH_VERSION
from fairlift.engine.campaign import Campaign, Lifecycle, State, check_layers
from fairlift.engine.change import ChangeClass, FieldChange, changes, gravest
from fairlift.engine.errors import (
    AlreadyExists,
    InvalidCampaign,
    InvalidRequest,
    NotFound,
    Violation,
    WrongState,
)
from fairlift.engine.plan_hash import plan_hash
from fairlift.engine.prerequisites import check_prerequisites

from fairlift_server.campaigns.live import LiveCampaigns, PublishedSnapshot
from fairlift_server.campaigns.snapshot_build import published_snapshot
from fairlift_server.campaigns.update import (
    CampaignUpdate,
    PlannedChange,
    check_change,
    check_etag,
)
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.database import Store, Transaction

T = TypeVar("T")

HOLDOUT_MAX_BPS = 5_000

# By verb: the states it is allowed in, and the state it leads to.
_TRANSITIONS: dict[str, tuple[tuple[State, ...], State]] = {
    "start": ((State.DRAFT,), State.RUNNING),
    "pause": ((State.RUNNING,), State.PAUSED),
    "resume": ((State.PAUSED,), State.RUNNING),
    "stop": ((State.RUNNING, State.PAUSED), State.STOPPED),
    "archive": ((State.DRAFT, State.STOPPED), State.ARCHIVED),
}


class CampaignLifecycle:
    """Reads and changes the campaigns of one shop: one transaction each, then published."""

    def __init__(
        self,
        store: Store,
        live: LiveCampaigns,
        *,
        currency: str,
        now: Callable[[], datetime],
        token: Callable[[], str],
    ) -> None:
        self._store = store
        self._live = live
        self._currency = currency
        self._now = now
        self._token = token
        self._publishing = asyncio.Lock()

    async def get(self, campaign: str) -> Campaign:
        """The campaign with this id.

        Raises:
            NotFound: there is no such campaign.
        """
        return await self._store.read(lambda transaction: _existing(transaction, campaign))

    async def listed(self, states: Sequence[State], *, after: str, limit: int) -> list[Campaign]:
        """Campaigns in these states, ordered by id, starting after the id `after`."""
        return await self._store.read(
            lambda transaction: campaign_store.listed(
                transaction, states=states, after=after, limit=limit
            )
        )

    async def create(
        self, campaign: Campaign, *, validate_only: bool, author: str, reason: str = ""
    ) -> Campaign:
        """The campaign as it was stored: a draft.

        Raises:
            AlreadyExists: the id is taken.
            InvalidCampaign: it conflicts with the shop's settings or with other campaigns.
        """

        def job(transaction: Transaction) -> Campaign:
            if campaign_store.get(transaction, campaign.id):
                raise AlreadyExists(
                    f"campaign {campaign.id!r} already exists; update it, or choose another id"
                )
            return self._create(transaction, campaign, validate_only, author, reason)

        return await self._write_and_publish(job)

    async def update(self, update: CampaignUpdate, *, author: str) -> Campaign:
        """The campaign as it is after the change.

        Raises:
            NotFound: there is no such campaign, and `allow_missing` is not set.
            StaleEtag: the campaign was changed after the caller read it.
            ChangeRefused: the change would alter the rules of an experiment that has started.
            NeedsNewEpoch: the change needs a new epoch, and `new_epoch` is not set.
            InvalidCampaign: the changed campaign breaks rules.
        """

        def job(transaction: Transaction) -> Campaign:
            before = campaign_store.get(transaction, update.id)
            if before is None and update.allow_missing:
                return self._create(
                    transaction, update.create(), update.validate_only, author, update.reason
                )
            before = _existing(transaction, update.id)
            check_etag(before, update.etag)
            after = replace(update.change(before), lifecycle=before.lifecycle)
            field_changes = changes(before, after)
            if not field_changes:
                return before
            check_change(before, field_changes, update)
            self._check_conflicts(transaction, after)
            lifecycle = self._with_new_etag(before.lifecycle)
            if gravest(field_changes) is ChangeClass.NEW_EPOCH:
                now = lifecycle.update_time
                lifecycle = replace(lifecycle, epoch=lifecycle.epoch + 1, epoch_time=now)
            after = replace(after, lifecycle=lifecycle)
            if not update.validate_only:
                self._store_change(transaction, before, after, field_changes, author, update.reason)
            return after

        return await self._write_and_publish(job)

    async def plan_change(self, campaign: str, update: CampaignUpdate) -> PlannedChange:
        """What the update would do; changes nothing.

        Raises:
            InvalidCampaign: the changed campaign would break rules.
        """

        def job(transaction: Transaction) -> PlannedChange:
            before = campaign_store.get(transaction, campaign)
            if before is None:
                self._check_conflicts(transaction, update.create())
                return PlannedChange(ChangeClass.CREATE, ())
            after = replace(update.change(before), lifecycle=before.lifecycle)
            field_changes = changes(before, after)
            self._check_conflicts(transaction, after)
            return PlannedChange(gravest(field_changes), field_changes, before.lifecycle.etag)

        return await self._store.read(job)

    async def move(
        self,
        verb: str,
        campaign: str,
        *,
        etag: str,
        author: str,
        reason: str = "",
        start_time: datetime | None = None,
    ) -> Campaign:
        """The campaign after start, pause, resume, stop or archive.

        Args:
            verb: one of these.
            campaign: its id.
            etag: of the campaign as the caller read it; empty: any.
            author: who asks.
            reason: kept in the history.
            start_time: when it started, for history that is replayed; None is now.

        Raises:
            NotFound: there is no such campaign.
            StaleEtag: the campaign was changed after the caller read it.
            WrongState: the verb is not allowed in the campaign's state.
            InvalidCampaign: it cannot start: it has no plan, or conflicts with other campaigns.
            InvalidRequest: the start time lies ahead.
        """
        allowed, state = _TRANSITIONS[verb]

        def job(transaction: Transaction) -> Campaign:
            before = _existing(transaction, campaign)
            check_etag(before, etag)
            if before.lifecycle.state not in allowed:
                allowed_states = " or ".join(allowed)
                raise WrongState(
                    f"campaign {campaign} is {before.lifecycle.state}; to {verb} it, "
                    f"it must be {allowed_states}"
                )
            lifecycle = replace(self._with_new_etag(before.lifecycle), state=state)
            if verb == "start":
                lifecycle = self._started(transaction, before, lifecycle, start_time)
            elif verb == "stop":
                lifecycle = replace(lifecycle, stop_time=lifecycle.update_time)
            after = replace(before, lifecycle=lifecycle)
            if verb == "start":
                campaign_store.add_epoch(transaction, self._epoch(after))
            campaign_store.replace(transaction, after)
            self._add_history(transaction, after, verb, author, reason=reason)
            return after

        return await self._write_and_publish(job)

    async def history(
        self, campaign: str, *, after: int, limit: int
    ) -> list[campaign_store.HistoryEntry]:
        """Who changed what, oldest first, starting after the entry `after`."""

        def job(transaction: Transaction) -> list[campaign_store.HistoryEntry]:
            _existing(transaction, campaign)
            return campaign_store.campaign_history(transaction, campaign, after=after, limit=limit)

        return await self._store.read(job)

    def holdout_bps(self) -> int:
        """The share of all units that is held out of every campaign."""
        return self._live.snapshot.holdout_bps

    async def set_holdout(self, share_bps: int) -> int:
        """The share as it was stored.

        Raises:
            InvalidRequest: it is negative, or more than half of all units.
        """
        if not 0 <= share_bps <= HOLDOUT_MAX_BPS:
            text = f"is {share_bps}, must be 0 to {HOLDOUT_MAX_BPS} (half of all units)"
            raise InvalidRequest([Violation("holdout.share_bps", text)])

        def job(transaction: Transaction) -> int:
            shop = campaign_store.current_shop(transaction)
            assert shop is not None, "the shop is written when the server starts"
            campaign_store.put_shop(transaction, replace(shop, holdout_bps=share_bps))
            return share_bps

        return await self._write_and_publish(job)

    async def _write_and_publish(self, job: Callable[[Transaction], T]) -> T:
        """What the job returns, after its changes are stored and published."""

        def run_and_build(transaction: Transaction) -> tuple[T, PublishedSnapshot]:
            result = job(transaction)
            return result, published_snapshot(transaction, self._now())

        async def locked() -> T:
            # Without the lock an older snapshot could be published after a newer one.
            async with self._publishing:
                result, published = await self._store.write(run_and_build)
                self._live.publish(published)
            return result

        # A caller who hangs up must not leave a stored change unpublished.
        return await asyncio.shield(asyncio.create_task(locked()))

    def _create(
        self,
        transaction: Transaction,
        campaign: Campaign,
        validate_only: bool,
        author: str,
        reason: str,
    ) -> Campaign:
        self._check_conflicts(transaction, campaign)
        now = self._now()
        lifecycle = Lifecycle(
            hash_version=HASH_VERSION, etag=self._token(), create_time=now, update_time=now
        )
        created = replace(campaign, lifecycle=lifecycle)
        if not validate_only:
            campaign_store.add(transaction, created)
            self._store_layer(transaction, created)
            self._add_history(transaction, created, "create", author, reason=reason)
        return created

    def _store_change(
        self,
        transaction: Transaction,
        before: Campaign,
        after: Campaign,
        field_changes: tuple[FieldChange, ...],
        author: str,
        reason: str,
    ) -> None:
        campaign_store.replace(transaction, after)
        self._store_layer(transaction, after)
        if after.lifecycle.epoch != before.lifecycle.epoch:
            campaign_store.add_epoch(transaction, self._epoch(after))
        self._add_history(transaction, after, "update", author, fields=field_changes, reason=reason)

    def _check_conflicts(self, transaction: Transaction, campaign: Campaign) -> None:
        """Checks the rules that need the shop's settings and the other campaigns."""
        violations: list[Violation] = []
        if campaign.currency_code not in ("", self._currency):
            text = f"is {campaign.currency_code}, must be the shop's own, {self._currency}"
            violations.append(Violation("currency_code", text))
        if campaign.lifecycle.state not in (State.STOPPED, State.ARCHIVED):
            unarchived = [state for state in State if state is not State.ARCHIVED]
            others = campaign_store.listed(transaction, states=unarchived)
            campaigns = [*(other for other in others if other.id != campaign.id), campaign]
            for check in (check_layers, check_prerequisites):
                violations += check(campaigns).get(campaign.id, ())
        if violations:
            raise InvalidCampaign(violations)

    def _started(
        self,
        transaction: Transaction,
        campaign: Campaign,
        lifecycle: Lifecycle,
        start_time: datetime | None,
    ) -> Lifecycle:
        self._check_conflicts(transaction, campaign)
        if campaign.plan is None:
            text = "is missing; a campaign needs a plan before it starts"
            raise InvalidCampaign([Violation("plan", text)])
        now = self._now()
        started = now if start_time is None else start_time
        if started > now:
            text = f"is {started.isoformat()}, must not lie ahead; schedule.start_time does that"
            raise InvalidRequest([Violation("start_time", text)])
        return replace(
            lifecycle, start_time=started, epoch_time=started, plan_hash=plan_hash(campaign.plan)
        )

    def _epoch(self, campaign: Campaign) -> campaign_store.Epoch:
        return campaign_store.Epoch(
            campaign, traffic_salt=self._token(), variants_salt=self._token()
        )

    def _store_layer(self, transaction: Transaction, campaign: Campaign) -> None:
        layer = campaign.layer
        if layer is not None and layer.layer not in campaign_store.layer_salts(transaction):
            campaign_store.add_layer(transaction, layer.layer, self._token())

    def _with_new_etag(self, lifecycle: Lifecycle) -> Lifecycle:
        return replace(lifecycle, etag=self._token(), update_time=self._now())

    def _add_history(
        self,
        transaction: Transaction,
        campaign: Campaign,
        verb: str,
        author: str,
        *,
        fields: tuple[FieldChange, ...] = (),
        reason: str = "",
    ) -> None:
        time = campaign.lifecycle.update_time
        assert time is not None, "every change sets it"
        campaign_store.add_change(
            transaction,
            campaign,
            verb=verb,
            time=time,
            author=author,
            fields=fields,
            reason=reason,
        )


def _existing(transaction: Transaction, campaign: str) -> Campaign:
    stored = campaign_store.get(transaction, campaign)
    if stored is None:
        raise NotFound(f"campaign {campaign!r} does not exist; create it first")
    return stored
