"""An hour's load: a campaign that every snapshot changes, and threads that check each answer.

The right answers come from docs/golden-vectors.md by the reference hash: nothing here asks the
engine what it would do. `make load` runs a whole hour of changes, the tests a part of it.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, count

from fairlift import Assignment, Client
from fairlift.engine.audience import In
from fairlift.engine.campaign import Campaign, Lifecycle, State, Variant
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.v1 import assignment_service_pb2 as a
from fairlift.wire.snapshot import snapshot_to

from tests.client.shop import Shop, running
from tests.golden.murmur3 import reference_bucket

UNITS = [f"visitor-{number}" for number in range(200)]
COUNTRY = {unit: ("ES", "RO", "FR")[number % 3] for number, unit in enumerate(UNITS)}
IDS = ("control", "red", "blue")
MOVING = "moving"
_HOLDOUT = "holdout-salt"
# One version a second: an answer names its version by the time of its snapshot.
_FIRST = datetime(2026, 11, 20, tzinfo=UTC)
_IN_AN_EPOCH = 90
# Threads that never wait would leave the others of the process hardly a turn.
_IN_A_ROW, _PAUSE_S = 20, 0.002
_BESIDE = [running(f"other-{number}") for number in range(5)]


def epoch(version: int) -> int:
    """New salts and new weights every 90 versions."""
    return 1 + version // _IN_AN_EPOCH


def weights(version: int) -> list[int]:
    """Shares of the three variants, which only a new epoch changes."""
    return [1 + epoch(version) % 3, 2, 1 + epoch(version) % 2]


def traffic_bps(version: int) -> int:
    """A ramp-up within each epoch."""
    return 1_000 + version % _IN_AN_EPOCH * 100


def countries(version: int) -> tuple[str, ...]:
    """The audience, another one each time."""
    return ("ES", "RO") if version % 2 else ("ES",)


def is_paused(version: int) -> bool:
    """Now and then the shop looks after something."""
    return version % 10 == 9


def holdout_bps(version: int) -> int:
    """Every other epoch keeps some visitors out."""
    return 1_000 if epoch(version) % 2 else 0


def snapshot(version: int) -> a.Snapshot:
    """The snapshot of that version, with campaigns that come and go beside the moving one."""
    moving = Campaign(
        MOVING,
        tuple(
            Variant(name, weight=weight, payload={"version": version})
            for name, weight in zip(IDS, weights(version), strict=True)
        ),
        audience=In("country", countries(version)),
        traffic_bps=traffic_bps(version),
        lifecycle=Lifecycle(
            state=State.PAUSED if is_paused(version) else State.RUNNING, epoch=epoch(version)
        ),
    )
    salted = SnapshotCampaign(moving, *_salts(epoch(version)))
    made = _FIRST + timedelta(seconds=version)
    return snapshot_to(
        Snapshot(
            f"v{version}",
            made,
            (salted, *_BESIDE[: version % 6]),
            holdout_bps=holdout_bps(version),
            holdout_salt=_HOLDOUT,
        )
    )


def right(version: int, unit: str) -> tuple[str, str, int, int]:
    """Variant, reason, epoch and payload of the moving campaign, as the document's rules say."""
    variant, reason = IDS[0], "assigned"
    traffic_salt, _ = _salts(epoch(version))
    if is_paused(version):
        reason = "paused"
    elif COUNTRY[unit] not in countries(version):
        reason = "not_in_audience"
    elif _bucket(_HOLDOUT, unit) < holdout_bps(version):
        reason = "holdout"
    elif _bucket(traffic_salt, unit) >= traffic_bps(version):
        reason = "not_in_traffic"
    else:
        variant = variant_of(epoch(version), unit)
    return variant, reason, epoch(version), version


@cache
def variant_of(in_epoch: int, unit: str) -> str:
    """The variant by weight; the first one whose end lies above the unit's bucket."""
    shares = weights((in_epoch - 1) * _IN_AN_EPOCH)
    ends = [-(-10_000 * so_far // sum(shares)) for so_far in accumulate(shares)]
    bucket = _bucket(_salts(in_epoch)[1], unit)
    return next(name for name, end in zip(IDS, ends, strict=True) if bucket < end)


def _salts(in_epoch: int) -> tuple[str, str]:
    return f"traffic-{in_epoch}", f"variants-{in_epoch}"


@cache
def _bucket(salt: str, unit: str) -> int:
    return reference_bucket(salt, unit)


class Storefront:
    """Threads that decide all the while, and check every answer.

    Args:
        client: Who is asked.
        shop: Whose snapshots the client watches.
    """

    def __init__(self, client: Client, shop: Shop) -> None:
        self._client = client
        self._shop = shop
        self._done = threading.Event()
        self._keeping = threading.Lock()
        # The newest version that any thread has met: who asks after that may meet no older one.
        self.newest = 0
        self.decisions = 0
        self.reasons: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.exposed: set[tuple[str, int]] = set()

    def live_through(self, changes: int, *, threads: int) -> None:
        """Publishes so many new versions, each as soon as a visitor has met the one before."""
        asking = [threading.Thread(target=self._ask, args=(7 * n,)) for n in range(threads)]
        for thread in asking:
            thread.start()
        for version in range(1, changes + 1):
            self._shop.publish(snapshot(version))
            deadline = time.monotonic() + 30
            while self.newest < version and time.monotonic() < deadline:
                time.sleep(0.0002)
        self._done.set()
        for thread in asking:
            thread.join()

    def _ask(self, start: int) -> None:
        reasons: Counter[str] = Counter()
        exposed = set()
        for number in count(start):
            if self._done.is_set():
                break
            unit = UNITS[number % len(UNITS)]
            oldest = self.newest
            if number % 16 == 0:
                decided = self._all(unit)
            else:
                attributes = {"country": COUNTRY[unit]}
                decided = self._client.assign(MOVING, unit, attributes, expose=True)
                if decided.is_in_campaign:
                    exposed.add((unit, decided.epoch))
            self._check(decided, unit, oldest)
            reasons[decided.reason] += 1
            if number % _IN_A_ROW == 0:
                time.sleep(_PAUSE_S)
        with self._keeping:
            self.reasons += reasons
            self.exposed |= exposed
            self.decisions += reasons.total()

    def _all(self, unit: str) -> Assignment:
        """All campaigns at once are of one snapshot, and all that it has."""
        found = self._client.assign_all(unit, {"country": COUNTRY[unit]})
        version = _version(found[MOVING])
        if {_version(each) for each in found.values()} != {version}:
            self.wrong.append(f"{unit}: campaigns of several snapshots in one answer")
        if set(found) != {MOVING, *(each.campaign.id for each in _BESIDE[: version % 6])}:
            self.wrong.append(f"{unit}: version {version} does not have {sorted(found)}")
        return found[MOVING]

    def _check(self, decided: Assignment, unit: str, oldest: int) -> None:
        version = _version(decided)
        newest = int(self._shop.snapshot.etag[1:])
        if not oldest <= version <= newest:
            self.wrong.append(f"{unit}: version {version}, but {oldest} to {newest} were alive")
        answer = (
            decided.variant,
            decided.reason,
            decided.epoch,
            decided.outcome.payload.get("version"),
        )
        if answer != right(version, unit):
            self.wrong.append(f"{unit}: {answer}, must be {right(version, unit)}")
        self.newest = max(self.newest, version)


def exposures(shop: Shop) -> list[tuple[str, int, str]]:
    """Unit, epoch and variant of every exposure that arrived, in order."""
    return sorted((each.unit_id, each.epoch, each.variant) for each in shop.of_kind("exposure"))


def right_exposures(storefront: Storefront) -> list[tuple[str, int, str]]:
    """The same as it must be: each unit once in an epoch, with the variant of that epoch."""
    return sorted((unit, each, variant_of(each, unit)) for unit, each in storefront.exposed)


@contextmanager
def threads_that_take_turns_often() -> Iterator[None]:
    """With the default of 5 ms few changes would fall into the middle of a decision."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-3)
    yield
    sys.setswitchinterval(before)


def _version(decided: Assignment) -> int:
    return round(decided.outcome.snapshot_time - _FIRST.timestamp())


def main(changes: int = 3_600, threads: int = 8) -> int:
    """An hour with a change a second, as fast as visitors can meet the changes."""
    shop = Shop().start()
    shop.publish(snapshot(0))
    started = time.perf_counter()
    with threads_that_take_turns_often(), Client(shop.target) as client:
        client.wait_ready(10)
        storefront = Storefront(client, shop)
        storefront.live_through(changes, threads=threads)
        client.flush(30)
    shop.stop()
    lost = len(set(right_exposures(storefront)) - set(exposures(shop)))
    twice = len(exposures(shop)) - len(set(exposures(shop)))
    told = (
        f"{threads} threads, {storefront.newest:,} of {changes:,} snapshot changes met, "
        f"{storefront.decisions:,} decisions in {time.perf_counter() - started:.0f} s: "
        f"{len(storefront.wrong)} wrong answers; "
        f"{len(exposures(shop)):,} exposures, {lost} lost, {twice} twice"
    )
    print(told, *storefront.wrong[:20], sep="\n")  # noqa: T201 - what it is run for
    return bool(storefront.wrong or lost or twice or storefront.newest < changes)


if __name__ == "__main__":
    sys.exit(main())
