"""A shop with very many campaigns: its storefronts get them all, and then each change alone."""

import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
from fairlift import Client
from fairlift.engine.campaign import Campaign, Lifecycle, State, Variant
from fairlift.engine.plan import Plan, PlannedMetric
from fairlift.engine.plan_hash import plan_hash
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift_server.store.campaigns import Epoch, Shop, add, add_epoch, put_shop
from fairlift_server.store.database import Store, Transaction

from tests.client.shop import eventually
from tests.e2e.test_server_process import process

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan((PlannedMetric("conversion_rate", 0.1),), planned_units=10_000)
# With it a campaign has about 3.6 kB.
PAYLOAD = {"text": "x" * 1_650}
_LIMIT_S = 180.0


def run(campaigns: int = 20_000) -> dict[str, float]:
    """Counts of campaigns, and how long a storefront waits for them and for a change."""
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder, "shop.db"), campaigns)
        started = time.monotonic()
        with (
            process(Path(folder), log=subprocess.DEVNULL) as (_, address),
            Client(address) as client,
            grpc.insecure_channel(address) as channel,
        ):
            served_s = time.monotonic() - started
            client.wait_ready(_LIMIT_S)
            ready_s = time.monotonic() - started - served_s
            variants = [
                client.assign(_name(number), "visitor") for number in range(0, campaigns, 97)
            ]
            changed = time.monotonic()
            CampaignServiceStub(channel).PauseCampaign(
                pb.PauseCampaignRequest(name=f"campaigns/{_name(0)}"), timeout=_LIMIT_S
            )
            arrives = eventually(
                lambda: client.assign(_name(0), "visitor").reason == "paused", _LIMIT_S
            )
            change_s = time.monotonic() - changed
    return {
        "campaigns": campaigns,
        "server starts in s": round(served_s, 1),
        "SDK is ready in s": round(ready_s, 1),
        "a change arrives in s": round(change_s, 2),
        "wrong": sum(not variant.is_in_campaign for variant in variants) + (not arrives),
    }


def _name(number: int) -> str:
    return f"c{number:05}"


def _fill(path: Path, campaigns: int) -> None:
    """Running campaigns, as if each had been created and started."""
    lifecycle = Lifecycle(
        state=State.RUNNING,
        epoch=1,
        create_time=START,
        update_time=START,
        start_time=START,
        epoch_time=START,
        plan_hash=plan_hash(PLAN),
        hash_version=1,
    )
    variants = (Variant("control", payload=PAYLOAD), Variant("new", payload=PAYLOAD))

    def fill(transaction: Transaction) -> None:
        put_shop(transaction, Shop("EUR", 0, "salt"))
        for number in range(campaigns):
            made = Campaign(
                _name(number),
                variants,
                plan=PLAN,
                lifecycle=replace(lifecycle, etag=f"etag{number}"),
            )
            add(transaction, made)
            add_epoch(transaction, Epoch(made, f"traffic{number}", f"variants{number}"))

    store = Store(path)
    store.migrate()
    store.write_now(fill)
    store.close()
