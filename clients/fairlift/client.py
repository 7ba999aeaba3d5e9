"""What a storefront holds: which variant, and what happened. It never waits and never breaks."""

import asyncio
import os
import time
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from fairlift import event_messages
from fairlift.assigner import Assigner, ErrorLog, Fallback
from fairlift.client_stats import ClientStats, stats_of
from fairlift.engine.assignment import Assignment, assignment
from fairlift.engine.bots import BotRules
from fairlift.engine.decision import CONTROL
from fairlift.engine.matching import Attributes
from fairlift.engine.untrusted import IdInput, plain
from fairlift.event_messages import Cancellation, OrderLine, Refund
from fairlift.event_queue import Kind
from fairlift.exposures import ExposureQueue, SeenExposures
from fairlift.fallbacks import DefaultFallback, ServerFallback
from fairlift.local_snapshot import LocalSnapshot
from fairlift.session import Session
from fairlift.snapshot_change import Listener
from fairlift.transport import Endpoint, Tls, Token
from fairlift.v1.event_service_pb2 import Event

# Exposures remembered so that none is sent twice: some 15 MB at most.
_REMEMBERED = 65_536


class Client(Assigner):
    """Assigns variants and records what happened. One serves a whole process, from any thread.

    Nothing here raises for what a visitor, a network or a server does: assignments fall back to the
    control with a reason, events wait. `with Client(…) as client:` or `close()` sends what waits;
    a program that just ends has up to two seconds to do the same.

    Args:
        target: The server, host:port.
        token: Sent with every call; a function is asked each time.
        tls: Certificates, True or False; by default plain text on this machine only.
        decide: "local" decides from a snapshot in memory, in microseconds; "server" asks for every
            assignment, and waits for `timeout_s` at most.
        snapshot_path: A file for the last good snapshot, so that a restart begins with it.
        stale_after_s: Without a word from the server for so long, reasons say `stale`; variants
            stay what they were.
        bots: Who is a bot.
        first_seen: The visitor id under which each customer was first seen; `identify` adds to it.
            Hand in a mapping of your own to keep it between processes; it must answer at once.
        max_events: Events that may wait to be sent, and their bytes in `max_bytes`.
        channel_options: Further gRPC channel arguments.

    Raises:
        ValueError: An argument cannot be used.
        RuntimeError: eventlet has patched this process; gRPC cannot run under it.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Token = None,
        tls: bool | Tls | None = None,
        decide: Literal["local", "server"] = "local",
        timeout_s: float = 0.05,
        snapshot_path: str | os.PathLike[str] | None = None,
        stale_after_s: float | None = 3_600.0,
        bots: BotRules = BotRules(),  # noqa: B008  # frozen
        first_seen: MutableMapping[str, str] | None = None,
        max_events: int = 100_000,
        max_bytes: int = 32 * 1024 * 1024,
        channel_options: Sequence[tuple[str, int | str]] = (),
    ) -> None:
        self._endpoint = Endpoint(target, token, tls, tuple(channel_options))
        self._max_events = max_events
        self._max_bytes = max_bytes
        if decide not in ("local", "server"):
            raise ValueError(f'decide is {decide!r}; must be "local" or "server"')
        self._is_local = decide == "local"
        self._first_seen: MutableMapping[str, str] = {} if first_seen is None else first_seen
        self._local = LocalSnapshot(
            path=Path(snapshot_path) if snapshot_path is not None and self._is_local else None,
            bots=bots,
            first_seen=self._first_seen,
            stale_after_s=stale_after_s,
        )
        self._seen = SeenExposures(_REMEMBERED)
        current, errors = self._local.current, ErrorLog()
        self._server = ServerFallback(
            current,
            lambda: self._session.connection(),
            timeout_s=timeout_s,
            first_seen=self._first_seen,
            errors=errors,
        )
        fallback: Fallback = DefaultFallback(current) if self._is_local else self._server
        super().__init__(current, ExposureQueue(self._seen, max_events), fallback, errors)
        self._is_closed = False
        self._session = self._begin()
        _begin_again_after_fork(self)

    async def assign_async(
        self,
        campaign: str,
        visitor: IdInput | None = "",
        attributes: Attributes | None = None,
        *,
        customer: IdInput | None = "",
        default: str = CONTROL,
        expose: bool = False,
    ) -> Assignment:
        """As `assign`, without holding up the event loop when the server decides."""
        if self._is_local:
            return self.assign(
                campaign, visitor, attributes, customer=customer, default=default, expose=expose
            )
        assigned = await self._server.assign_async(
            campaign,
            "" if visitor is None else visitor,
            "" if customer is None else customer,
            {} if attributes is None else attributes,
            default,
        )
        if expose:
            self._expose(assigned)
        return assigned

    def expose(self, assigned: Assignment, *, time: datetime | None = None) -> bool:
        """Records that the unit really met the variant; True when that was news.

        Once per unit, campaign and epoch is enough; who is not in the campaign is not recorded.
        """
        try:
            exposed_at = _now() if time is None else time.timestamp()
            return self._expose(
                assignment(assigned.outcome, assigned.unit, assigned.attributes, exposed_at)
            )
        except Exception as error:  # a storefront is never broken by us
            self._errors.add(error, "an exposure cannot be recorded")
            return False

    def action(
        self,
        unit: IdInput,
        name: str,
        value: float | None = None,
        *,
        time: datetime | None = None,
    ) -> None:
        """Records a named micro-conversion, with a score or weight when it has one."""
        self._record(Kind.ACTION, lambda: event_messages.action(unit, name, value, time or _now()))

    def order(
        self,
        unit: IdInput,
        order_id: IdInput,
        lines: Sequence[OrderLine],
        *,
        currency: str,
        discount_micros: int = 0,
        coupon: str = "",
        shipping_cost_micros: int = 0,
        first_purchase: bool | None = None,
        channel: str = "",
        time: datetime | None = None,
    ) -> None:
        """Records an order. Money is in micros of the currency (see `fairlift.micros`)."""
        self._record(
            Kind.ORDER,
            lambda: event_messages.order(
                unit,
                order_id,
                lines,
                time or _now(),
                currency=currency,
                discount_micros=discount_micros,
                coupon=coupon,
                shipping_cost_micros=shipping_cost_micros,
                first_purchase=first_purchase,
                channel=channel,
            ),
        )

    def amend(
        self, order_id: IdInput, change: Refund | Cancellation, *, time: datetime | None = None
    ) -> None:
        """Records what became of an order; it may come before the order itself."""
        self._record(
            Kind.AMENDMENT, lambda: event_messages.amendment(order_id, change, time or _now())
        )

    def identify(
        self, visitor: IdInput, customer: IdInput, *, time: datetime | None = None
    ) -> None:
        """Records that a visitor turned out to be a customer, at login.

        From then on campaigns whose identity policy is `first_seen` decide for this customer by the
        visitor id under which they were first seen.
        """
        with suppress(Exception):  # a mapping of the caller's own
            self._first_seen.setdefault(plain(customer), plain(visitor))
        self._record(
            Kind.IDENTITY, lambda: event_messages.identity(visitor, customer, time or _now())
        )

    def on_change(self, listener: Listener) -> None:
        """Calls it, in a background thread, when campaigns or the server's standing change."""
        self._local.listen(listener)

    def wait_ready(self, timeout_s: float = 5.0) -> bool:
        """Waits for the first snapshot; False when none came in time. For scripts and tests."""
        return not self._is_local or self._local.ready.wait(timeout_s)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Sends everything that waits; False when that did not succeed in time."""
        return self._session.outbox.flush(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Sends what waits and ends; assignments go on from the last snapshot."""
        self._is_closed = True
        self._session.close(timeout_s)

    async def close_async(self, timeout_s: float = 5.0) -> None:
        """As `close`, without holding up the event loop."""
        await asyncio.to_thread(self.close, timeout_s)

    def stats(self) -> ClientStats:
        """What was done, what waits, what went wrong."""
        return stats_of(
            self._session,
            self._local,
            not_counted=dict(self._not_counted),
            errors=self._errors.count,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close_async()

    def _begin(self) -> Session:
        session = Session(
            self._endpoint,
            self._local if self._is_local else None,
            self._exposures,
            max_events=self._max_events,
            max_bytes=self._max_bytes,
        )
        session.start()
        # A client that is dropped without close() still sends what waits.
        weakref.finalize(self, session.retire).atexit = False
        return session

    def _begin_again(self) -> None:
        """In a forked child: the parent keeps its session, the child gets one of its own."""
        if not self._is_closed:
            # Kept, never closed: letting go of the parent's channel would reach into its calls.
            self._inherited = self._session
            self._local.after_fork()
            self._exposures = ExposureQueue(self._seen, self._max_events)
            self._session = self._begin()

    def _record(self, kind: Kind, make: Callable[[], Event]) -> None:
        what = f"an event of kind {kind.name.lower()}"
        if self._is_closed:
            self._errors.add(RuntimeError("the client is closed"), f"{what} waits until flush()")
        try:
            self._session.outbox.put(kind, make())
        except Exception as error:  # a checkout is never broken by us
            self.give_up(kind, error)

    def give_up(self, kind: Kind, error: Exception) -> None:
        """Counts and logs an event that cannot be made; for adapters such as OpenFeature's."""
        self._errors.add(error, f"an event of kind {kind.name.lower()} cannot be sent and is lost")
        self._session.outbox.count_unsendable()


def _begin_again_after_fork(client: Client) -> None:
    reference = weakref.ref(client)

    def in_child() -> None:
        alive = reference()
        if alive is not None:
            alive._begin_again()  # this module's own

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


def _now() -> float:
    return time.time()
