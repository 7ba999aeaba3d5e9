"""What is published after each change is what the database holds, read anew."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from fairlift.engine.campaign import (
    Campaign,
    LayerSlice,
    Prerequisite,
    State,
    Variant,
)
from fairlift.engine.errors import FairliftError, InvalidRequest
from fairlift.engine.plan import Plan, PlannedMetric
from fairlift_server.campaigns import snapshot_build
from fairlift_server.campaigns.lifecycle import CampaignLifecycle
from fairlift_server.campaigns.live import LiveCampaigns, PublishedSnapshot
from fairlift_server.campaigns.snapshot_build import caught_up, published_snapshot
from fairlift_server.campaigns.update import CampaignUpdate
from fairlift_server.store.campaigns import Shop, put_shop
from fairlift_server.store.database import Store
from fairlift_server.store.history import Author

from tests.databases import database_in

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NAMES = [f"c{number}" for number in range(6)]


class Campaigns:
    """A shop's campaigns, without a server around them."""

    def __init__(self, path: str) -> None:
        self.store = Store(path)
        self.store.migrate()
        self.store.write_now(lambda transaction: put_shop(transaction, Shop("EUR", 0, "salt")))
        self.live = LiveCampaigns(self._stored())
        tokens, seconds = count(1), count(1)
        self.lifecycle = CampaignLifecycle(
            self.store,
            self.live,
            currency="EUR",
            now=lambda: NOW + timedelta(seconds=next(seconds)),
            random_text=lambda: f"token{next(tokens)}",
        )

    def _stored(self) -> PublishedSnapshot:
        return self.store.read_now(lambda transaction: published_snapshot(transaction, NOW))

    def check(self) -> None:
        """Compares with the database, and with everything compiled anew."""
        published, stored = self.live.published, self._stored()
        assert published.campaigns == stored.campaigns
        assert published.exposure_rules == stored.exposure_rules
        assert published.sizes == stored.sizes
        assert published.snapshot.etag == stored.snapshot.etag
        assert published.snapshot.campaigns == stored.snapshot.campaigns
        assert published.snapshot.layer_salts == stored.snapshot.layer_salts
        assert published.snapshot.holdout_bps == stored.snapshot.holdout_bps
        anew = LiveCampaigns(stored).compiled
        for number in range(40):
            mine, fresh = (
                compiled.decide_all(visitor=f"v{number}", attributes={}, now=NOW.timestamp())
                for compiled in (self.live.compiled, anew)
            )
            assert [(a.campaign, a.variant, a.reason, a.epoch) for a in mine] == [
                (a.campaign, a.variant, a.reason, a.epoch) for a in fresh
            ]


@pytest.fixture
async def campaigns(tmp_path: Path) -> AsyncIterator[Campaigns]:
    opened = Campaigns(database_in(tmp_path))
    yield opened
    opened.store.close()


def plain_campaign(name: str) -> Campaign:
    plan = Plan((PlannedMetric("conversion_rate", 0.1),), planned_units=1_000)
    return Campaign(name, (Variant("x"), Variant("y")), plan=plan)


def campaign(name: str, rng: random.Random) -> Campaign:
    start = rng.choice([0, 2_500, 5_000])
    return Campaign(
        name,
        (Variant("control"), Variant("new", weight=rng.choice([1, 2]))),
        layer=LayerSlice("page", start, 2_500) if rng.random() < 0.3 else None,
        prerequisites=(Prerequisite("c0", ("new",)),) if rng.random() < 0.3 else (),
        traffic_bps=rng.choice([5_000, 10_000]),
        plan=Plan((PlannedMetric("conversion_rate", 0.1),), planned_units=1_000),
    )


def update(wanted: Campaign, *, validate_only: bool) -> CampaignUpdate:
    return CampaignUpdate(
        wanted.id,
        change=lambda _before: wanted,
        create=lambda: wanted,
        new_epoch=True,
        allow_missing=True,
        validate_only=validate_only,
    )


async def change(campaigns: Campaigns, rng: random.Random) -> None:
    """One change by chance, which may be refused."""
    lifecycle, name = campaigns.lifecycle, rng.choice(NAMES)
    wanted = campaign(name, rng)
    other = campaign(rng.choice([each for each in NAMES if each != name]), rng)
    updates = [update(each, validate_only=rng.random() < 0.1) for each in (wanted, other)]
    match rng.choice(["create", "update", "batch", "holdout", "move", "move", "move"]):
        case "create":
            await lifecycle.create(wanted, validate_only=rng.random() < 0.1, author=Author())
        case "update":
            await lifecycle.update(updates[:1], author=Author())
        case "batch":
            await lifecycle.update(updates, author=Author())
        case "holdout":
            await lifecycle.set_holdout(rng.choice([0, 1_000]), author=Author())
        case _:
            verb = rng.choice(["start", "start", "pause", "resume", "stop", "archive"])
            await lifecycle.move(verb, name, etag="", author=Author())


@pytest.mark.parametrize("seed", range(5))
async def test_after_any_changes_what_is_published_is_what_is_stored(
    campaigns: Campaigns, seed: int
) -> None:
    rng, done, refused = random.Random(seed), 0, 0

    for _ in range(60):
        try:
            await change(campaigns, rng)
            done += 1
        except FairliftError:
            refused += 1
        campaigns.check()

    assert min(done, refused) >= 10


async def test_a_change_leaves_the_other_campaigns_as_they_are(campaigns: Campaigns) -> None:
    for name in ("a", "b"):
        await campaigns.lifecycle.create(plain_campaign(name), validate_only=False, author=Author())
        await campaigns.lifecycle.move("start", name, etag="", author=Author())
    before = campaigns.live.compiled.campaigns["a"]

    await campaigns.lifecycle.move("pause", "b", etag="", author=Author())

    assert campaigns.live.compiled.campaigns["a"] is before


async def test_a_change_that_is_read_again_is_published_once(campaigns: Campaigns) -> None:
    """On PostgreSQL a server is told of its own changes, too: each would be sent twice."""
    before = campaigns.live.published
    await campaigns.lifecycle.create(plain_campaign("a"), validate_only=False, author=Author())
    await campaigns.lifecycle.move("start", "a", etag="", author=Author())
    published = campaigns.live.published
    again = campaigns.store.read_now(lambda transaction: caught_up(before, transaction, NOW))

    campaigns.live.publish(again, campaigns.live.compiled_with(again))

    assert again.version == published.version
    assert campaigns.live.published is published


async def test_a_snapshot_has_a_limit_that_what_makes_it_smaller_may_pass(
    campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES[1:4]:
        await campaigns.lifecycle.create(plain_campaign(name), validate_only=False, author=Author())
    await campaigns.lifecycle.move("start", "c1", etag="", author=Author())
    await campaigns.lifecycle.move("start", "c2", etag="", author=Author())
    size = sum(campaigns.live.published.sizes.values())
    monkeypatch.setattr(snapshot_build, "MAX_SNAPSHOT_BYTES", size - 1)

    with pytest.raises(InvalidRequest, match="archive stopped campaigns"):
        await campaigns.lifecycle.move("start", "c3", etag="", author=Author())
    await campaigns.lifecycle.move("stop", "c1", etag="", author=Author())
    await campaigns.lifecycle.move("archive", "c1", etag="", author=Author())

    campaigns.check()
    assert campaigns.live.published.campaigns["c3"].lifecycle.state is State.DRAFT
