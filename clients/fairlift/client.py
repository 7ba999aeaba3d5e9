"""The client of a storefront: assigns variants, records events; failures never reach the shop."""

import asyncio
import os
import time
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
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
from fairlift.event_messages import OrderChange, OrderFields, OrderLine
from fairlift.event_queue import EventKind
from fairlift.exposures import ExposureQueue, SeenExposures
from fairlift.fallbacks import DefaultFallback, ServerFallback
from fairlift.local_snapshot import LocalSnapshot
from fairlift.process_state import ProcessState
from fairlift.snapshot_change import Listener
from fairlift.tokens import Token
from fairlift.tracing import current_span
from fairlift.transport import Endpoint, Tls
from fairlift.v1.event_service_pb2 import Event

# Exposures to remember, so that none is sent twice: about 15 MB at most.
_REMEMBERED = 65_536


class Client(Assigner):
    """Assigns variants and records what happened. One serves a whole process, from any thread.

    Nothing that a visitor, the network or the server does raises an error here: assignments fall
    back to the control with a reason, and events wait. `with Client(…) as client:` or `close()`
    sends the waiting events; a program that ends without it has up to two seconds for that.

    Args:
        target: The server, host:port; or several, ipv4:address:port,address:port.
        token: Sent with every call; a function is called each time.
        tls: Certificates, True or False; by default plain text on this machine only.
        decide: "local" decides from a snapshot in memory, in microseconds; "server" asks for every
            assignment, and waits for `timeout_s` at most. Of many coroutines that ask at once, 8
            have their turn at a time; the others wait for theirs while the server answers, for ten
            times `timeout_s` at most.
        snapshot_path: A file for the last good snapshot, so that a restart begins with it.
        stale_after_s: When the server was silent for longer, reasons say `stale`; variants do not
            change.
        bots: The rules that recognise bots.
        first_seen: The visitor id under which each customer was first seen; `identify` adds to it.
            Pass your own mapping to keep it between processes; it must be fast.
        environment: That this storefront belongs to, such as production: a server of another one
            refuses its calls. Empty: any.
        max_events: How many events may wait to be sent; `max_bytes` limits their size.
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
        environment: str = "",
        max_events: int = 100_000,
        max_bytes: int = 32 * 1024 * 1024,
        channel_options: Sequence[tuple[str, int | str]] = (),
    ) -> None:
        if decide not in ("local", "server"):
            raise ValueError(f'decide is {decide!r}; must be "local" or "server"')
        self._is_local = decide == "local"
        options = tuple(channel_options)
        self._endpoint = Endpoint(
            target, token, tls, options, balances=not self._is_local, environment=environment
        )
        self._max_events = max_events
        self._max_bytes = max_bytes
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
            lambda: self._process_state.connection(),
            timeout_s=timeout_s,
            first_seen=self._first_seen,
            errors=errors,
        )
        fallback: Fallback = DefaultFallback(current) if self._is_local else self._server
        super().__init__(current, ExposureQueue(self._seen, max_events), fallback, errors)
        self._is_closed = False
        self._process_state = self._begin()
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
        """Like `assign`, but does not block the event loop when the server decides."""
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
        """Records that the unit has seen the variant; True when it was not recorded before.

        Once per unit, campaign and epoch is enough; units outside the campaign are not recorded.
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
        """Records a named micro-conversion, with an optional score or weight."""
        self._record(
            EventKind.ACTION, lambda: event_messages.action(unit, name, value, time or _now())
        )

    def order(
        self,
        unit: IdInput,
        order_id: IdInput,
        lines: Sequence[OrderLine],
        *,
        currency: str,
        discount_micros: int = 0,
        coupon: str | Sequence[str] = "",
        shipping_cost_micros: int = 0,
        first_purchase: bool | None = None,
        channel: str = "",
        test: bool = False,
        time: datetime | None = None,
    ) -> None:
        """Records an order. Money is in micros of the currency (see `fairlift.micros`).

        Args:
            unit: who bought: the visitor, or the customer if the shop knows them.
            order_id: the shop's own.
            lines: 1 to 1,000; `OrderLine` says what a price is.
            currency: ISO 4217, such as EUR.
            discount_micros: off the whole order, and not yet in the lines' prices.
            coupon: the code that was used, or several, at most 10; compared without case.
            shipping_cost_micros: what the shop itself pays for delivery.
            first_purchase: whether it is the person's first order ever; None: as Fairlift saw it.
            channel: such as email, search or store.
            test: placed to try the shop: stored, and left out of all figures.
            time: now, if it is left out.
        """
        content = OrderFields(
            unit,
            lines,
            currency,
            discount_micros,
            coupon,
            shipping_cost_micros,
            first_purchase,
            channel,
            test,
        )
        self._record(
            EventKind.ORDER, lambda: event_messages.order(order_id, content, time or _now())
        )

    def amend(
        self, order_id: IdInput, change: OrderChange, *, time: datetime | None = None
    ) -> None:
        """Records what became of an order; it may arrive before the order.

        Args:
            order_id: of the order.
            change: a `Refund`, a `Cancellation`, a `Reopening`, or a `Correction` with the order as
                it is now.
            time: when it happened; now, if it is left out.
        """
        self._record(
            EventKind.AMENDMENT, lambda: event_messages.amendment(order_id, change, time or _now())
        )

    def identify(
        self, visitor: IdInput, customer: IdInput, *, time: datetime | None = None
    ) -> None:
        """Records that a visitor is a customer, at login.

        From then on campaigns whose identity policy is `first_seen` decide for this customer by the
        visitor id under which they were first seen.
        """
        with suppress(Exception):  # a mapping of the caller's own
            self._first_seen.setdefault(plain(customer), plain(visitor))
        self._record(
            EventKind.IDENTITY, lambda: event_messages.identity(visitor, customer, time or _now())
        )

    def exchange_rate(
        self, currency: str, rate: Decimal | str | int, *, time: datetime | None = None
    ) -> None:
        """Records what a currency is worth, from that time on until the next rate.

        An order waits on the server for a rate whose time is the order's or earlier; a later rate
        does not free it. Send a rate from the back office, once for each change.

        Args:
            currency: ISO 4217, such as USD.
            rate: what one unit is worth in the shop's currency, such as "0.92"; to 12 decimals.
            time: since when it holds; now, if it is left out.
        """
        self._record(
            EventKind.RATE,
            lambda: event_messages.exchange_rate(currency, rate, time or _now()),
        )

    def on_change(self, listener: Listener) -> None:
        """Calls the listener in a background thread when campaigns or the connection change."""
        self._local.listen(listener)

    def wait_ready(self, timeout_s: float = 5.0) -> bool:
        """Waits for the first snapshot; False when none arrived in time, and the log says why.

        For scripts and tests.
        """
        return self._process_state.wait_ready(timeout_s)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Sends all waiting events; False when that was not possible in time."""
        return self._process_state.outbox.flush(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Sends the waiting events and stops; assignments still use the last snapshot."""
        self._is_closed = True
        self._process_state.close(timeout_s)
        self._exposures.instead_of_put = lambda: self._drop(EventKind.EXPOSURE)

    async def close_async(self, timeout_s: float = 5.0) -> None:
        """Like `close`, but does not block the event loop."""
        await asyncio.to_thread(self.close, timeout_s)

    def stats(self) -> ClientStats:
        """Counts of sent, waiting, refused and dropped events, and the age of the snapshot."""
        return stats_of(
            self._process_state,
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

    def _begin(self) -> ProcessState:
        process_state = ProcessState(
            self._endpoint,
            self._local if self._is_local else None,
            self._exposures,
            max_events=self._max_events,
            max_bytes=self._max_bytes,
        )
        process_state.start()
        # A client that is garbage-collected without close() still sends its events.
        weakref.finalize(self, process_state.retire).atexit = False
        return process_state

    def _begin_again(self) -> None:
        """Gives a forked child a new process state; the parent keeps its own."""
        if not self._is_closed:
            # Kept and never closed: closing the parent's channel here would affect its calls.
            self._inherited = self._process_state
            self._local.after_fork()
            self._exposures = ExposureQueue(self._seen, self._max_events)
            self._process_state = self._begin()

    def _record(self, kind: EventKind, make: Callable[[], Event]) -> None:
        if self._is_closed:
            self._drop(kind)
            return
        try:
            self._process_state.outbox.put(kind, make(), span=current_span())
            self._process_state.recorded()
        except Exception as error:  # a checkout is never broken by us
            self.give_up(kind, error)

    def _drop(self, kind: EventKind) -> None:
        """Counts and logs an event that is recorded after the close."""
        self._process_state.outbox.count_dropped(kind)
        what = f"an event of kind {kind.name.lower()} is not sent"
        self._errors.add(RuntimeError("the client is closed"), what)

    def give_up(self, kind: EventKind, error: Exception) -> None:
        """Counts and logs an event that cannot be built; for adapters such as OpenFeature's."""
        self._errors.add(error, f"an event of kind {kind.name.lower()} cannot be sent and is lost")
        self._process_state.outbox.count_unsendable()


def _begin_again_after_fork(client: Client) -> None:
    reference = weakref.ref(client)

    def in_child() -> None:
        referenced = reference()
        if referenced is not None:
            referenced._begin_again()  # this module's own

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


def _now() -> float:
    return time.time()
