"""Eight threads, a new snapshot again and again, and no wrong answer."""

import threading
import time

from fairlift import Client, Reason
from fairlift.engine.decision import CompiledSnapshot
from fairlift.wire.snapshot import snapshot_from

from tests.client.shop import Shop, running, spring

SPAIN = {"country": "ES"}


def test_threads_get_the_right_variant_while_snapshots_change(shop: Shop) -> None:
    """An hour with a change a second is 3,600 changes; here they come as fast as they can.

    The campaign `spring` stays as it is in every snapshot, so its variants may never change; the
    others come and go around it.
    """
    compiled = CompiledSnapshot(snapshot_from(spring()))
    units = [f"visitor-{i}" for i in range(500)]
    right = {
        unit: compiled.decide("spring", visitor=unit, attributes=SPAIN, now=time.time()).variant
        for unit in units
    }
    wrong: list[object] = []
    slowest: list[float] = []
    done = threading.Event()

    def ask(client: Client) -> None:
        count, longest = 0, 0.0
        while not done.is_set():
            unit = units[count % len(units)]
            started = time.perf_counter()
            decided = client.assign("spring", unit, SPAIN, expose=True)
            longest = max(longest, time.perf_counter() - started)
            if (decided.variant, decided.reason) != (right[unit], Reason.ASSIGNED):
                wrong.append(decided)
            count += 1
        slowest.append(longest)

    extra = [running(f"other-{i}") for i in range(20)]
    with Client(shop.target) as client:
        assert client.wait_ready(10)
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for change in range(200):
            shop.publish(spring(f"c{change}", *extra[: change % 20]))
            time.sleep(0.02)
        done.set()
        for thread in threads:
            thread.join()
        assert client.flush()

    assert wrong == []
    assert {each.unit_id for each in shop.of_kind("exposure")} == set(units)
    assert len(shop.events) == len(units)
    assert shop.streams == 1
