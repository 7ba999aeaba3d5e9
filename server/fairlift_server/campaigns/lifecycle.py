"""The lifecycle of campaigns: each step is checked, stored, logged and published."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from fairlift.engine.bucketing import HASH_VERSION
from fairlift.engine.campaign import Campaign, Lifecycle, State
from fairlift.engine.change import ChangeClass, FieldChange
from fairlift.engine.errors import (
    AlreadyExists,
    InvalidCampaign,
    InvalidRequest,
    NotFound,
    Violation,
    WrongState,
)
from fairlift.engine.plan_hash import plan_hash

from fairlift_server.campaigns.live import LiveCampaigns, PublishedSnapshot
from fairlift_server.campaigns.publishing import Publishing
from fairlift_server.campaigns.snapshot_build import caught_up
from fairlift_server.campaigns.update import (
    CampaignUpdate,
    PlannedChange,
    check_allowed,
    check_conflicts,
    check_etag,
    planned_changes,
)
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store import history
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.history import Author, HistoryEntry, changed_field

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
        random_text: Callable[[], str],
    ) -> None:
        self._store = store
        self._live = live
        self._currency = currency
        self._now = now
        self._random_text = random_text
        self._publishing = Publishing(store, live, now)

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
        self, campaign: Campaign, *, validate_only: bool, author: Author, reason: str = ""
    ) -> Campaign:
        """The campaign as it was stored: a draft.

        Raises:
            AlreadyExists: the id is taken.
            InvalidCampaign: it conflicts with the shop's settings or with other campaigns.
        """

        def job(transaction: Transaction, published: PublishedSnapshot) -> list[Campaign]:
            if campaign.id in published.campaigns:
                raise AlreadyExists(
                    f"campaign {campaign.id!r} already exists; update it, or choose another id"
                )
            update = CampaignUpdate(
                campaign.id,
                change=lambda _before: campaign,
                create=lambda: campaign,
                validate_only=validate_only,
                reason=reason,
            )
            return self._apply(transaction, published, [update], author)

        [created] = await self._publishing.write(job, changed=[campaign.id])
        return created

    async def update(self, updates: Sequence[CampaignUpdate], *, author: Author) -> list[Campaign]:
        """The campaigns as they are after the changes: all of them are made, or none.

        Raises:
            NotFound: there is no such campaign, and `allow_missing` is not set.
            StaleEtag: a campaign was changed after the caller read it.
            ChangeRefused: a change would alter the rules of an experiment that has started.
            NeedsNewEpoch: a change needs a new epoch, and `new_epoch` is not set.
            InvalidCampaign: a changed campaign breaks rules.
        """

        def job(transaction: Transaction, published: PublishedSnapshot) -> list[Campaign]:
            for update in updates:
                if not update.allow_missing and update.id not in published.campaigns:
                    raise _missing(update.id)
            return self._apply(transaction, published, updates, author)

        return await self._publishing.write(job, changed=[update.id for update in updates])

    async def plan_changes(self, updates: Sequence[CampaignUpdate]) -> list[PlannedChange]:
        """What the updates would do together; changes nothing.

        Raises:
            InvalidCampaign: a changed campaign would break rules.
        """

        def job(transaction: Transaction) -> list[PlannedChange]:
            return self._planned(caught_up(self._live.published, transaction, self._now()), updates)

        # Not on the event loop: a thousand campaigns take a good part of a second.
        return await self._store.read(job)

    async def move(
        self,
        verb: str,
        campaign: str,
        *,
        etag: str,
        author: Author,
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

        def job(transaction: Transaction, published: PublishedSnapshot) -> Campaign:
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
                lifecycle = self._started(published, before, lifecycle, start_time)
            elif verb == "stop":
                lifecycle = replace(lifecycle, stop_time=lifecycle.update_time)
            after = replace(before, lifecycle=lifecycle)
            if verb == "start":
                campaign_store.add_epoch(transaction, self._epoch(after))
            campaign_store.replace(transaction, after)
            moved = changed_field("state", before.lifecycle.state, state)
            self._add_history(transaction, after, verb, author, fields=(moved,), reason=reason)
            return after

        # Whoever wants to pause or stop a campaign must be able to.
        may_be_refused = state is State.RUNNING
        return await self._publishing.write(job, changed=[campaign], may_be_refused=may_be_refused)

    async def history(self, campaign: str | None, *, after: int, limit: int) -> list[HistoryEntry]:
        """Who changed what, oldest first, starting after the entry `after`; None: all campaigns."""

        def job(transaction: Transaction) -> list[HistoryEntry]:
            name = "" if campaign is None else _existing(transaction, campaign).name
            return history.entries(
                transaction, resource=name, of_campaigns=True, after=after, limit=limit
            )

        return await self._store.read(job)

    def holdout_bps(self) -> int:
        """The share of all units that is held out of every campaign."""
        return self._live.snapshot.holdout_bps

    async def set_holdout(self, share_bps: int, *, author: Author, reason: str = "") -> int:
        """The share as it was stored.

        Raises:
            InvalidRequest: it is negative, or more than half of all units.
        """
        if not 0 <= share_bps <= HOLDOUT_MAX_BPS:
            text = f"is {share_bps}, must be 0 to {HOLDOUT_MAX_BPS} (half of all units)"
            raise InvalidRequest([Violation("holdout.share_bps", text)])

        def job(transaction: Transaction, _published: PublishedSnapshot) -> int:
            shop = campaign_store.current_shop(transaction)
            assert shop is not None, "the shop is written when the server starts"
            campaign_store.put_shop(transaction, replace(shop, holdout_bps=share_bps))
            history.add_entry(
                transaction,
                "holdout",
                verb="update",
                time_us=campaign_store.microseconds(self._now()),
                author=author,
                fields=(changed_field("share_bps", shop.holdout_bps, share_bps),),
                reason=reason,
            )
            return share_bps

        return await self._publishing.write(job, changed=())

    def _apply(
        self,
        transaction: Transaction,
        published: PublishedSnapshot,
        updates: Sequence[CampaignUpdate],
        author: Author,
    ) -> list[Campaign]:
        """The campaigns after the updates; those in which nothing differs are not written."""
        planned = self._planned(published, updates)
        for change in planned:
            check_allowed(change)
        return [self._stored(transaction, change, author) for change in planned]

    def _planned(
        self, published: PublishedSnapshot, updates: Sequence[CampaignUpdate]
    ) -> list[PlannedChange]:
        return planned_changes(updates, published.campaigns, currency=self._currency)

    def _stored(self, transaction: Transaction, change: PlannedChange, author: Author) -> Campaign:
        before, update = change.before, change.update
        if change.change_class is ChangeClass.NONE:
            return change.after
        lifecycle = self._changed_lifecycle(change)
        after = replace(change.after, lifecycle=lifecycle)
        if update.validate_only:
            return after
        if before is None:
            campaign_store.add(transaction, after)
        else:
            campaign_store.replace(transaction, after)
            if lifecycle.epoch != before.lifecycle.epoch:
                campaign_store.add_epoch(transaction, self._epoch(after))
        self._store_layer(transaction, after)
        verb = "create" if before is None else "update"
        self._add_history(
            transaction, after, verb, author, fields=change.changes, reason=update.reason
        )
        return after

    def _changed_lifecycle(self, change: PlannedChange) -> Lifecycle:
        lifecycle = self._with_new_etag(change.after.lifecycle)
        if change.before is None:
            return replace(lifecycle, hash_version=HASH_VERSION, create_time=lifecycle.update_time)
        if change.change_class is ChangeClass.NEW_EPOCH:
            return replace(lifecycle, epoch=lifecycle.epoch + 1, epoch_time=lifecycle.update_time)
        return lifecycle

    def _started(
        self,
        published: PublishedSnapshot,
        campaign: Campaign,
        lifecycle: Lifecycle,
        start_time: datetime | None,
    ) -> Lifecycle:
        check_conflicts(campaign, published.campaigns, currency=self._currency)
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
            campaign, traffic_salt=self._random_text(), variants_salt=self._random_text()
        )

    def _store_layer(self, transaction: Transaction, campaign: Campaign) -> None:
        layer = campaign.layer
        if layer is not None and layer.layer not in campaign_store.layer_salts(transaction):
            campaign_store.add_layer(transaction, layer.layer, self._random_text())

    def _with_new_etag(self, lifecycle: Lifecycle) -> Lifecycle:
        return replace(lifecycle, etag=self._random_text(), update_time=self._now())

    def _add_history(
        self,
        transaction: Transaction,
        campaign: Campaign,
        verb: str,
        author: Author,
        *,
        fields: tuple[FieldChange, ...] = (),
        reason: str = "",
    ) -> None:
        time = campaign.lifecycle.update_time
        assert time is not None, "every change sets it"
        history.add_change(
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
        raise _missing(campaign)
    return stored


def _missing(campaign: str) -> NotFound:
    return NotFound(f"campaign {campaign!r} does not exist; create it first")
