"""Pages that follow a real server: a look that it makes reaches who has the page open."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from fairlift.channel_options import DEFAULT_OPTIONS
from fairlift.wire.campaign import campaign_id
from fairlift_cli.server_connection import Target, connected
from fairlift_cli.web.live_updates import ALL_CAMPAIGNS, LiveUpdates, PageNews
from fairlift_cli.web.server_reader import ServerReader
from fairlift_cli.web.web_application import web_application
from fairlift_cli.web.web_settings import web_settings

from tests.server.client import running
from tests.server.crowds import NAME, START, start
from tests.server.live_days import HOUR, day_of, live_until, planned


async def heard(news: AsyncIterator[PageNews | None]) -> PageNews:
    async with asyncio.timeout(60):
        while (each := await anext(news)) is None:
            pass
    return each


async def test_a_look_of_a_real_server_reaches_open_pages(tmp_path: Path) -> None:
    campaign = campaign_id(NAME)
    async with running(tmp_path, keep_alive_s=0.2) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        with connected(Target(caller.address), options=DEFAULT_OPTIONS) as server:
            reader = ServerReader(server)
            transport = httpx.ASGITransport(web_application(reader, web_settings("127.0.0.1:0")))
            updates = LiveUpdates(reader)
            of_campaign, of_list = updates.news(campaign), updates.news(ALL_CAMPAIGNS)
            before = await heard(of_campaign)
            listed = await heard(of_list)

            await live_until(caller, 1, day_of(1, each=20))

            after = await heard(of_campaign)
            while not after.version.startswith("1.1."):  # that visitors came is told, too
                after = await heard(of_campaign)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", timeout=60
            ) as browser:
                page = await browser.get(f"/campaigns/{campaign}?language=es")
                every = await browser.get("/?language=ro")
            # The list changes with visitors too; in the end it is told of what the page shows.
            assert f'data-version="{listed.version}"' not in every.text
            while f'data-version="{listed.version}"' not in every.text:
                listed = await heard(of_list)

    # The epoch, the look (none, then the first), and the verdict.
    assert before.version.startswith("1.0.")
    assert f'data-version="{after.version}"' in page.text
    assert f'href="/campaigns/{campaign}"' in every.text
