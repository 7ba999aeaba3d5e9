"""Of a campaign with several epochs those that ended are kept, and the one that runs is read."""

from datetime import timedelta
from pathlib import Path

from fairlift.v1 import campaign_service_pb2 as service
from fairlift.v1 import results_service_pb2 as pb

from tests.databases import rows
from tests.server import shop
from tests.server.client import Caller, Clock
from tests.server.crowds import NAME
from tests.server.retention.old_shop import DAY, LATER, chosen, cleaning, served

BEGIN = LATER - 120 * DAY
SECOND = BEGIN + 10 * DAY
EDGE = timedelta(hours=6)


async def reports(caller: Caller) -> list[pb.Report]:
    """Of both epochs, after the looks that are due were made."""
    found = []
    for epoch in (1, 2, 1, 2):
        caller.clock.set(LATER)
        request = pb.GetResultsRequest(name=NAME, epoch=epoch)
        report = await caller.results.GetResults(request, timeout=120)
        report.ClearField("create_time")
        found.append(report)
    return found[2:]


async def test_an_earlier_epoch_is_kept_and_the_current_one_is_read(tmp_path: Path) -> None:
    clock = Clock()
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, clock) as caller:
        clock.set(BEGIN - timedelta(minutes=1))
        campaign = await caller.start(shop.campaign(covariate_days=5))
        for epoch, start in ((1, BEGIN), (2, SECOND)):
            if epoch == 2:
                clock.set(SECOND)
                campaign.variants[1].weight = 3
                await caller.campaigns.UpdateCampaign(
                    service.UpdateCampaignRequest(campaign=campaign, new_epoch=True)
                )
            clock.set(start + 9 * DAY)
            for n in range(200):
                unit, arm = f"{epoch}-{n % 150}", "control" if n % 2 else "free"
                at = start + timedelta(hours=n)
                await caller.accepted(
                    [
                        shop.exposure(unit, arm, epoch=epoch, at=at),
                        # Some of the second epoch's units bought just before it.
                        shop.order(f"2-{n}", f"{epoch}-{n}", at=at),
                    ]
                )
        clock.set(LATER)
        before = await reports(caller)
        # What happened before the covariate's days goes; it came in with the epoch's events.
        kept_from = SECOND - 5 * DAY - EDGE

    async with cleaning(tmp_path, clock) as retention:
        removed = await retention.once()

    assert rows(database, "SELECT campaign, epoch FROM kept_answers") == [("free-shipping", 1)]
    assert removed["exposures"] > 50
    oldest = rows(database, "SELECT min(time_us) FROM orders")[0][0] / 1e6
    assert kept_from.timestamp() < oldest < SECOND.timestamp()
    async with served(tmp_path, clock) as caller:
        assert await reports(caller) == before
    assert [sum(total.units for total in report.totals) for report in before] == [150, 150]
