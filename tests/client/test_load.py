"""Eight threads, a new snapshot again and again, and no wrong answer."""

import pytest
from fairlift import Client

from tests.client import load
from tests.client.shop import Shop

# As many as `make load` publishes in two minutes of its hour.
CHANGES = 120


@pytest.mark.slow
def test_every_answer_is_right_for_its_snapshot_while_snapshots_change(shop: Shop) -> None:
    shop.publish(load.snapshot(0))
    with load.threads_that_take_turns_often(), Client(shop.target) as client:
        assert client.wait_ready(10)
        storefront = load.Storefront(client, shop)
        storefront.live_through(CHANGES, threads=8)
        assert client.flush(30)

    assert storefront.wrong == []
    assert storefront.newest == CHANGES
    assert set(storefront.reasons) == {
        "assigned",
        "paused",
        "not_in_audience",
        "holdout",
        "not_in_traffic",
    }
    assert load.exposures(shop) == load.right_exposures(storefront)
    assert shop.streams == 1
