"""Campaigns: created, changed, started, stopped; every step checked, written down, published."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from fairlift.engine.bucketing import HASH_VERSION
from fairlift.engine.campaign import Campaign, Lifecycle, State, check_layers
from fairlift.engine.change import ChangeClass, FieldChange, changes, gravest
from fairlift.engine.errors import (
    AlreadyExists,
    ChangeRefused,
    InvalidCampaign,
    InvalidRequest,
    NeedsNewEpoch,
    NotFound,
    StaleEtag,
    Violation,
    WrongState,
)
from fairlift.engine.prerequisites import check_prerequisites

from fairlift_server.publication import publication
from fairlift_server.running import Publication, Running
from fairlift_server.store import campaigns as kept
from fairlift_server.store.database import Store, Transaction

T = TypeVar("T")

HOLDOUT_MAX_BPS = 5_000

# The verb, the states it starts from, and the state it leads to.
_MOVES: dict[str, tuple[tuple[State, ...], State]] = {
    "start": ((State.DRAFT,), State.RUNNING),
    "pause": ((State.RUNNING,), State.PAUSED),
    "resume": ((State.PAUSED,), State.RUNNING),
    "stop": ((State.RUNNING, State.PAUSED), State.STOPPED),
    "archive": ((State.DRAFT, State.STOPPED), State.ARCHIVED),
}


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What an update would do."""

    change_class: ChangeClass
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """A wish to change a campaign: to what, and how far it may go."""

    id: str
    # From the campaign as it is to what the caller wants.
    change: Callable[[Campaign], Campaign]
    # The whole campaign, for when it does not exist yet.
    whole: Callable[[], Campaign]
    etag: str = ""
    validate_only: bool = False
    new_epoch: bool = False
    allow_missing: bool = False


class Campaigns:
    """The campaigns of one shop. Every method is one transaction; what it did is published."""

    def __init__(
        self,
        store: Store,
        running: Running,
        *,
        currency: str,
        now: Callable[[], datetime],
        token: Callable[[], str],
    ) -> None:
        self._store = store
        self._running = running
        self._currency = currency
        self._now = now
        self._token = token
        self._publishing = asyncio.Lock()

    async def get(self, campaign: str) -> Campaign:
        """The campaign.

        Raises:
            NotFound: there is none of that id.
        """
        return await self._store.read(lambda transaction: _existing(transaction, campaign))

    async def listed(self, states: Sequence[State], *, after: str, limit: int) -> list[Campaign]:
        """Campaigns in these states by id, from the first id above `after`."""
        return await self._store.read(
            lambda transaction: kept.listed(transaction, states=states, after=after, limit=limit)
        )

    async def create(self, campaign: Campaign, *, validate_only: bool, author: str) -> Campaign:
        """The campaign as it was kept: a draft.

        Raises:
            AlreadyExists: the id is taken.
            InvalidCampaign: it does not fit the shop or the other campaigns.
        """

        def job(transaction: Transaction) -> Campaign:
            if kept.get(transaction, campaign.id):
                raise AlreadyExists(
                    f"campaign {campaign.id!r} already exists; update it, or choose another id"
                )
            return self._create(transaction, campaign, validate_only, author)

        return await self._published(job)

    async def update(self, wish: Update, *, author: str) -> Campaign:
        """The campaign as it is after the change.

        Raises:
            NotFound: there is none of that id, and it was not allowed to be missing.
            StaleEtag: somebody changed it since the caller read it.
            ChangeRefused: the change would alter the rules after the game began.
            NeedsNewEpoch: the change would mix experiments, and no new epoch was asked for.
            InvalidCampaign: the result breaks rules.
        """

        def job(transaction: Transaction) -> Campaign:
            before = kept.get(transaction, wish.id)
            if before is None and wish.allow_missing:
                return self._create(transaction, wish.whole(), wish.validate_only, author)
            before = _existing(transaction, wish.id)
            _check_etag(before, wish.etag)
            after = replace(wish.change(before), lifecycle=before.lifecycle)
            found = changes(before, after)
            if not found:
                return before
            self._check_change(before, found, wish)
            self._check_fit(transaction, after)
            lifecycle = self._touched(before.lifecycle)
            if gravest(found) is ChangeClass.NEW_EPOCH:
                now = lifecycle.update_time
                lifecycle = replace(lifecycle, epoch=lifecycle.epoch + 1, epoch_time=now)
            after = replace(after, lifecycle=lifecycle)
            if not wish.validate_only:
                self._keep_change(transaction, before, after, found, author)
            return after

        return await self._published(job)

    async def plan_change(self, campaign: str, wish: Update) -> PlannedChange:
        """What the update would do, before it is done.

        Raises:
            InvalidCampaign: the result would break rules.
        """

        def job(transaction: Transaction) -> PlannedChange:
            before = kept.get(transaction, campaign)
            if before is None:
                self._check_fit(transaction, wish.whole())
                return PlannedChange(ChangeClass.CREATE, ())
            after = replace(wish.change(before), lifecycle=before.lifecycle)
            found = changes(before, after)
            self._check_fit(transaction, after)
            return PlannedChange(gravest(found), found)

        return await self._store.read(job)

    async def move(
        self, verb: str, campaign: str, *, etag: str, author: str, reason: str = ""
    ) -> Campaign:
        """The campaign after start, pause, resume, stop or archive.

        Raises:
            NotFound: there is none of that id.
            StaleEtag: somebody changed it since the caller read it.
            WrongState: its state does not allow this.
            InvalidCampaign: it cannot start: it has no plan, or does not fit the others.
        """
        allowed, state = _MOVES[verb]

        def job(transaction: Transaction) -> Campaign:
            before = _existing(transaction, campaign)
            _check_etag(before, etag)
            if before.lifecycle.state not in allowed:
                wanted = " or ".join(allowed)
                raise WrongState(
                    f"campaign {campaign} is {before.lifecycle.state}; to {verb} it, "
                    f"it must be {wanted}"
                )
            lifecycle = replace(self._touched(before.lifecycle), state=state)
            if verb == "start":
                lifecycle = self._started(transaction, before, lifecycle)
            elif verb == "stop":
                lifecycle = replace(lifecycle, stop_time=lifecycle.update_time)
            after = replace(before, lifecycle=lifecycle)
            if verb == "start":
                kept.add_epoch(transaction, self._epoch(after))
            kept.replace(transaction, after)
            self._write_down(transaction, after, verb, author, reason=reason)
            return after

        return await self._published(job)

    async def history(self, campaign: str, *, after: int, limit: int) -> list[kept.Change]:
        """Who changed what, oldest first, from the first entry after `after`."""

        def job(transaction: Transaction) -> list[kept.Change]:
            _existing(transaction, campaign)
            return kept.changes(transaction, campaign, after=after, limit=limit)

        return await self._store.read(job)

    def holdout_bps(self) -> int:
        """The share of all units that is kept out of every campaign."""
        return self._running.snapshot.holdout_bps

    async def set_holdout(self, share_bps: int) -> int:
        """The share as it is kept.

        Raises:
            InvalidRequest: it is negative, or more than half of everybody.
        """
        if not 0 <= share_bps <= HOLDOUT_MAX_BPS:
            text = f"is {share_bps}, must be 0 to {HOLDOUT_MAX_BPS} (half of all units)"
            raise InvalidRequest([Violation("holdout.share_bps", text)])

        def job(transaction: Transaction) -> int:
            shop = kept.shop(transaction)
            assert shop is not None, "put at start"
            kept.put_shop(transaction, replace(shop, holdout_bps=share_bps))
            return share_bps

        return await self._published(job)

    async def _published(self, job: Callable[[Transaction], T]) -> T:
        """What the job returns, once the others see what it did."""

        def whole(transaction: Transaction) -> tuple[T, Publication]:
            result = job(transaction)
            return result, publication(transaction, self._now())

        async def write_and_publish() -> T:
            # Two writers could reach the event loop in another order than the database.
            async with self._publishing:
                result, published = await self._store.write(whole)
                self._running.publish(published)
            return result

        # A caller who hangs up must not part what is kept from what is published.
        return await asyncio.shield(asyncio.create_task(write_and_publish()))

    def _create(
        self, transaction: Transaction, campaign: Campaign, validate_only: bool, author: str
    ) -> Campaign:
        self._check_fit(transaction, campaign)
        now = self._now()
        lifecycle = Lifecycle(
            hash_version=HASH_VERSION, etag=self._token(), create_time=now, update_time=now
        )
        created = replace(campaign, lifecycle=lifecycle)
        if not validate_only:
            kept.add(transaction, created)
            self._keep_layer(transaction, created)
            self._write_down(transaction, created, "create", author)
        return created

    def _check_change(self, before: Campaign, found: tuple[FieldChange, ...], wish: Update) -> None:
        grave = gravest(found)
        reasons = "; ".join(
            f"{change.field}: {change.reason}" for change in found if change.change_class is grave
        )
        state = before.lifecycle.state
        if grave is ChangeClass.REFUSED:
            raise ChangeRefused(
                f"campaign {before.id} is {state} and does not allow this change: {reasons}; "
                "stop it and create another"
            )
        if grave is ChangeClass.NEW_EPOCH and not wish.new_epoch:
            raise NeedsNewEpoch(
                f"campaign {before.id} is {state}, and this change starts a new epoch: {reasons}; "
                "allow it with new_epoch (fairlift apply --new-epoch)"
            )

    def _keep_change(
        self,
        transaction: Transaction,
        before: Campaign,
        after: Campaign,
        found: tuple[FieldChange, ...],
        author: str,
    ) -> None:
        kept.replace(transaction, after)
        self._keep_layer(transaction, after)
        if after.lifecycle.epoch != before.lifecycle.epoch:
            kept.add_epoch(transaction, self._epoch(after))
        self._write_down(transaction, after, "update", author, fields=found)

    def _check_fit(self, transaction: Transaction, campaign: Campaign) -> None:
        """The rules that need the shop and the other campaigns."""
        found: list[Violation] = []
        if campaign.currency_code not in ("", self._currency):
            text = f"is {campaign.currency_code}, must be the shop's own, {self._currency}"
            found.append(Violation("currency_code", text))
        if campaign.lifecycle.state not in (State.STOPPED, State.ARCHIVED):
            present = [state for state in State if state is not State.ARCHIVED]
            others = kept.listed(transaction, states=present)
            campaigns = [*(other for other in others if other.id != campaign.id), campaign]
            for check in (check_layers, check_prerequisites):
                found += check(campaigns).get(campaign.id, ())
        if found:
            raise InvalidCampaign(found)

    def _started(
        self, transaction: Transaction, campaign: Campaign, lifecycle: Lifecycle
    ) -> Lifecycle:
        self._check_fit(transaction, campaign)
        if campaign.plan is None:
            text = "is missing; a campaign needs a plan before it starts"
            raise InvalidCampaign([Violation("plan", text)])
        now = lifecycle.update_time
        return replace(lifecycle, start_time=now, epoch_time=now, plan_hash=campaign.plan.hash)

    def _epoch(self, campaign: Campaign) -> kept.Epoch:
        return kept.Epoch(campaign, traffic_salt=self._token(), variants_salt=self._token())

    def _keep_layer(self, transaction: Transaction, campaign: Campaign) -> None:
        layer = campaign.layer
        if layer is not None and layer.layer not in kept.layer_salts(transaction):
            kept.add_layer(transaction, layer.layer, self._token())

    def _touched(self, lifecycle: Lifecycle) -> Lifecycle:
        return replace(lifecycle, etag=self._token(), update_time=self._now())

    def _write_down(
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
        assert time is not None, "every change touches it"
        kept.add_change(
            transaction,
            campaign,
            verb=verb,
            time=time,
            author=author,
            fields=fields,
            reason=reason,
        )


def _existing(transaction: Transaction, campaign: str) -> Campaign:
    found = kept.get(transaction, campaign)
    if found is None:
        raise NotFound(f"campaign {campaign!r} does not exist; create it first")
    return found


def _check_etag(campaign: Campaign, etag: str) -> None:
    if etag and etag != campaign.lifecycle.etag:
        raise StaleEtag(
            f"campaign {campaign.id} was changed since it was read (etag {etag}, is now "
            f"{campaign.lifecycle.etag}); read it again and repeat the change"
        )
