"""Exposure tokens: an exposure counts only if this environment assigned its variant to its unit."""

import random
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

from fairlift.v1 import admin_service_pb2 as admin
from fairlift.v1 import assignment_service_pb2 as assignments
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1 import event_service_pb2 as pb
from fairlift_server.access.exposure_tokens import ExposureTokens
from fairlift_server.store.database import read_beside
from fairlift_server.store.exposure_keys import ExposureKey, exposure_keys
from sqlalchemy import create_engine, text

from tests.databases import database_in
from tests.server import shop
from tests.server.access.callers import ADMIN, Metadata, bearer, made
from tests.server.client import Caller, Clock, running
from tests.server.test_monitoring import figure, figures, free_address, page

HOUR = timedelta(hours=1)
BY_ADMIN = bearer(ADMIN)


async def started(caller: Caller, name: str = "free-shipping") -> None:
    created = campaigns.CreateCampaignRequest(campaign=shop.campaign(name))
    await caller.campaigns.CreateCampaign(created, metadata=BY_ADMIN)
    request = campaigns.StartCampaignRequest(name=f"campaigns/{name}")
    await caller.campaigns.StartCampaign(request, metadata=BY_ADMIN)


async def require(
    caller: Caller,
    *,
    new_key: bool = False,
    use: admin.ExposureTokenUse.ValueType = admin.EXPOSURE_TOKEN_USE_REQUIRED,
    by: Metadata = BY_ADMIN,
) -> None:
    settings = admin.Settings(exposure_tokens=use)
    request = admin.UpdateSettingsRequest(settings=settings, new_exposure_key=new_key)
    await caller.admin.UpdateSettings(request, metadata=by)


async def assigned(
    caller: Caller, visitor: str, *names: str, by: Metadata = BY_ADMIN
) -> assignments.Assignment:
    request = assignments.AssignVariantsRequest(visitor_id=visitor, campaigns=names)
    return (await caller.assignments.AssignVariants(request, metadata=by)).assignments[0]


def exposed(shown: assignments.Assignment, **other: object) -> pb.Event:
    """The exposure of an assignment, as a browser sends it, with some fields forged."""
    message = shop.exposure(
        shown.unit_id, shown.variant, campaign=shown.campaign, epoch=shown.epoch
    )
    message.exposure.exposure_token = shown.exposure_token
    message.exposure.MergeFrom(pb.Exposure(**other))  # type: ignore[arg-type]  # by name
    return message


async def sent(caller: Caller, *events: pb.Event, by: Metadata) -> list[pb.EventOutcome]:
    request = pb.RecordEventsRequest(events=events)
    return list((await caller.events.RecordEvents(request, metadata=by)).outcomes)


def statuses(outcomes: list[pb.EventOutcome]) -> list[str]:
    return [
        pb.RefusalReason.Name(each.reason).removeprefix("REFUSAL_REASON_").lower()
        if each.status == pb.EVENT_STATUS_REFUSED
        else pb.EventStatus.Name(each.status).removeprefix("EVENT_STATUS_").lower()
        for each in outcomes
    ]


def stored_keys(folder: Path) -> list[ExposureKey]:
    return read_beside(database_in(folder), exposure_keys)


def stored_exposures(folder: Path) -> int:
    database = database_in(folder)
    engine = create_engine(database if "://" in str(database) else f"sqlite:///{database}")
    with engine.connect() as connection:
        counted: int = connection.execute(text("SELECT count(*) FROM exposures")).scalar_one()
    engine.dispose()
    return counted


async def test_of_ten_thousand_forged_exposures_none_counts(tmp_path: Path) -> None:
    chance = random.Random(48)
    async with running(tmp_path, token=ADMIN, environment="production") as caller:
        for name in ("popup", "banner"):
            await started(caller, name)
        await require(caller)
        relay = bearer((await made(caller, "relay")).secret)
        real = [await assigned(caller, f"v{n}", "campaigns/popup", by=relay) for n in range(40)]
        other = {"control": "free", "free": "control"}

        def cut(shown: assignments.Assignment) -> pb.Event:
            return exposed(shown, exposure_token=shown.exposure_token[:-1])

        def flipped(shown: assignments.Assignment) -> pb.Event:
            place, letter = chance.randrange(28), chance.choice("ABCDwxyz0189-_")
            token = shown.exposure_token
            token = token[:place] + letter + token[place + 1 :]
            if token == shown.exposure_token:
                token = token[::-1]
            return exposed(shown, exposure_token=token)

        forgeries: list[Callable[[assignments.Assignment], pb.Event]] = [
            lambda shown: exposed(shown, exposure_token=secrets.token_urlsafe(21)),
            lambda shown: exposed(shown, exposure_token="ñ" * 28),
            lambda shown: exposed(shown, unit_id=f"forged-{chance.random()}"),
            lambda shown: exposed(shown, variant=other[shown.variant]),
            lambda shown: exposed(shown, campaign="campaigns/banner"),
            lambda shown: exposed(shown, epoch=2),
            lambda shown: exposed(shown, campaign="campaigns/popup\n1"),
            cut,
            flipped,
            lambda shown: shop.exposure(
                shown.unit_id, shown.variant, campaign=shown.campaign, epoch=shown.epoch
            ),
        ]
        seen: Counter[str] = Counter()
        for number in range(0, 10_000, 1_000):
            forge = forgeries[number // 1_000]
            events = [forge(chance.choice(real)) for _ in range(1_000)]
            seen.update(statuses(await sent(caller, *events, by=relay)))
        # One that is forged never takes the others with it.
        mixed = [exposed(real[0]), exposed(real[0], unit_id="x"), exposed(real[1])]
        beside = await sent(caller, *mixed, by=relay)

    assert seen == {"exposure_token": 10_000}
    assert statuses(beside) == ["accepted", "exposure_token", "accepted"]
    assert beside[1].field == "exposure.exposure_token"
    assert "must be the token of this unit, campaign, epoch and variant" in beside[1].message
    assert not beside[1].retryable
    assert stored_exposures(tmp_path) == 2


async def test_a_token_lasts_a_day_of_the_servers_clock(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        shown = await assigned(caller, "v")

        clock.ahead = 23 * HOUR
        late = await sent(caller, exposed(shown), by=BY_ADMIN)
        clock.ahead = 25 * HOUR
        # With the time of then: what an exposure says of its time proves nothing.
        too_late = await sent(caller, exposed(shown), by=BY_ADMIN)

    assert statuses(late + too_late) == ["accepted", "exposure_token"]
    assert "it lasts 24 hours; assign again" in too_late[0].message


async def test_an_exposure_does_not_say_that_it_was_before_its_assignment(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        now = shop.now()
        shown = [await assigned(caller, f"v{number}") for number in range(4)]
        events = [exposed(each) for each in shown]
        for event, before_s in zip(events, (55, 65, 3_600, 3_605), strict=True):
            event.event_time.FromDatetime(now - timedelta(seconds=before_s))
        by_right_clock = await sent(caller, *events[:3], by=BY_ADMIN)
        # A sender whose clock is an hour behind says so, and loses no exposure of now.
        slow = pb.RecordEventsRequest(events=events[3:])
        slow.sent_time.FromDatetime(now - HOUR)
        by_slow_clock = list((await caller.events.RecordEvents(slow, metadata=BY_ADMIN)).outcomes)

    assert statuses(by_right_clock) == ["accepted", "exposure_token", "exposure_token"]
    assert (
        "was made more than a minute after the exposure's event_time" in by_right_clock[1].message
    )
    assert "accepted" in statuses(by_slow_clock)


async def test_a_backend_with_a_secret_token_is_trusted_and_a_relay_is_not(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        by = {role: bearer((await made(caller, role)).secret) for role in ("storefront", "relay")}
        shown = await assigned(caller, "v", by=by["storefront"])
        bare = shop.exposure("w")
        others = [shop.action("v", "newsletter"), shop.order("v", "o-1"), shop.identity("v", "c")]

        relayed = statuses(await sent(caller, bare, exposed(shown), *others, by=by["relay"]))
        trusted = statuses(await sent(caller, bare, *others[1:], by=by["storefront"]))
        wrong = exposed(shown, unit_id="other")
        passed_on = statuses(await sent(caller, wrong, by=by["storefront"]))

    assert relayed == ["exposure_token", "accepted", "accepted", "sender", "sender"]
    assert trusted == ["accepted"] * 3
    # What a trusted backend passes on is checked.
    assert passed_on == ["exposure_token"]


async def test_without_the_policy_no_token_is_made_and_none_is_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        relay = bearer((await made(caller, "relay")).secret)
        before = await assigned(caller, "v")
        sent_before = await sent(caller, exposed(before, exposure_token="old"), by=relay)
        await require(caller)
        on = await assigned(caller, "v")
        await caller.admin.UpdateSettings(admin.UpdateSettingsRequest(), metadata=BY_ADMIN)
        after = await assigned(caller, "v")

    assert [bool(each.exposure_token) for each in (before, on, after)] == [False, True, False]
    # But for the token, the answer is the same.
    on.exposure_token = ""
    assert on == before == after
    assert statuses(sent_before) == ["accepted"]


async def test_units_that_are_not_analysed_get_no_token(tmp_path: Path) -> None:
    campaign = shop.campaign()
    campaign.traffic_bps = 1
    async with running(tmp_path) as caller:
        await caller.start(campaign)
        await require(caller, by=())

        shown = await assigned(caller, "v", by=())

    assert shown.reason == assignments.REASON_NOT_IN_TRAFFIC
    assert not shown.exposure_token


async def test_a_key_is_replaced_while_its_tokens_are_out(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        first = await assigned(caller, "v")
        caller.clock.ahead = -HOUR  # assignments tell the time by the machine's clock
        await require(caller, new_key=True)
        caller.clock.ahead = timedelta()
        second = await assigned(caller, "v")
        with_both = await sent(caller, exposed(first), exposed(second), by=BY_ADMIN)
        await require(caller, new_key=True)
        after_a_leak = await sent(caller, exposed(first), exposed(second), by=BY_ADMIN)
        history = await caller.admin.ListAudit(admin.ListAuditRequest(), metadata=BY_ADMIN)

    assert statuses(with_both) == ["accepted", "accepted"]
    assert statuses(after_a_leak) == ["exposure_token", "accepted"]
    changed = [
        field.field
        for each in history.changes
        for field in each.changes
        if each.resource == "settings"
    ]
    assert changed == ["exposure_tokens", *["exposure_key"] * 3]


def test_a_key_ends_on_time_and_belongs_to_its_environment() -> None:
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    words = ("v", "popup", 1, "free")
    token = ExposureTokens([ExposureKey(old, 0, None)], "live").token(*words, now_s=0).decode()
    both = [ExposureKey(new, 0, None), ExposureKey(old, 0, 60_000_000)]

    problem = partial(ExposureTokens(both, "live").problem, token, *words, time_s=0)
    copied = ExposureTokens([ExposureKey(old, 0, None)], "staging").problem(
        token, *words, now_s=0, time_s=0
    )

    assert problem(now_s=59) == ""
    assert "not valid here" in problem(now_s=61)
    assert "not valid here" in copied


async def test_a_new_key_signs_when_all_servers_know_it_and_both_check_at_once(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        (known_elsewhere,) = stored_keys(tmp_path)
        await require(caller, new_key=True)
        shown = await assigned(caller, "v")
        outcomes = await sent(caller, exposed(shown), by=BY_ADMIN)
    keys, now_s = stored_keys(tmp_path), shop.now().timestamp()
    words = ("v", "free-shipping", 1, shown.variant)
    here, behind = ExposureTokens(keys, ""), ExposureTokens([known_elsewhere], "")

    assert statuses(outcomes) == ["accepted"]
    # A server that has not heard of the new key yet takes what this one signs.
    assert behind.problem(shown.exposure_token, *words, now_s=now_s, time_s=now_s) == ""
    # It has a minute to hear of it; the tokens of that minute last for their day all the same.
    last = here.token(*words, now_s=now_s + 50).decode()
    assert behind.problem(last, *words, now_s=now_s + 50, time_s=now_s + 50) == ""
    at_its_end_s = now_s + 50 + 23.99 * 3_600
    assert here.problem(last, *words, now_s=at_its_end_s, time_s=at_its_end_s) == ""
    later = here.token(*words, now_s=now_s + 61).decode()
    assert here.problem(later, *words, now_s=now_s, time_s=now_s + 61) == ""
    assert "not valid here" in behind.problem(later, *words, now_s=now_s + 61, time_s=now_s + 61)


async def test_two_new_keys_at_once_end_all_tokens_and_new_ones_are_valid(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        leaked = await assigned(caller, "v")
        await require(caller, new_key=True)
        between = await assigned(caller, "v")
        await require(caller, new_key=True)
        fresh = await assigned(caller, "v")
        outcomes = await sent(caller, *map(exposed, (leaked, between, fresh)), by=BY_ADMIN)

    assert statuses(outcomes) == ["exposure_token", "exposure_token", "accepted"]


async def test_tokens_are_issued_before_they_are_required_and_no_exposure_is_lost(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        relay = bearer((await made(caller, "relay")).secret)
        old_page = await assigned(caller, "before", by=relay)
        await require(caller, use=admin.EXPOSURE_TOKEN_USE_ISSUED)
        new_page = await assigned(caller, "after", by=relay)
        forged = shop.exposure("forged")
        forged.exposure.exposure_token = "x" * 28
        while_issued = await sent(caller, exposed(old_page), forged, by=relay)
        await require(caller)
        while_required = await sent(caller, exposed(old_page), exposed(new_page), by=relay)

    assert not old_page.exposure_token
    assert statuses(while_issued) == ["accepted", "accepted"]
    assert statuses(while_required)[1] == "accepted"


async def test_servers_of_one_database_share_the_key(tmp_path: Path) -> None:
    """As after a restart: what one server made, the next one takes."""
    server: Callable[[], AbstractAsyncContextManager[Caller]] = partial(
        running, tmp_path, token=ADMIN
    )
    async with server() as caller:
        await started(caller)
        await require(caller)
        shown = await assigned(caller, "v")
    async with server() as caller:
        outcomes = await sent(caller, exposed(shown), by=BY_ADMIN)

    assert statuses(outcomes) == ["accepted"]


async def test_a_stream_checks_as_a_call_does_and_a_repeat_is_a_duplicate(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await started(caller)
        await require(caller)
        shown = await assigned(caller, "v")
        event = exposed(shown)
        # The same event with the token of a later assignment says the same.
        again = pb.Event()
        again.CopyFrom(event)
        again.exposure.exposure_token = (await assigned(caller, "v")).exposure_token
        stream = caller.events.StreamEvents(metadata=BY_ADMIN)
        await stream.write(pb.StreamEventsRequest(sequence=1, events=[event, shop.exposure("w")]))
        streamed = await stream.read()
        assert isinstance(streamed, pb.StreamEventsResponse)
        stream.cancel()
        repeated = await sent(caller, again, by=BY_ADMIN)

    assert statuses(list(streamed.outcomes)) == ["accepted", "exposure_token"]
    assert statuses(repeated) == ["duplicate"]


async def test_what_would_be_refused_is_counted_while_tokens_are_issued(tmp_path: Path) -> None:
    http = free_address()
    name = "fairlift_exposures_without_token_total"
    async with running(tmp_path, token=ADMIN, http=http) as caller:
        await started(caller)
        by = {role: bearer((await made(caller, role)).secret) for role in ("storefront", "relay")}
        bare = [shop.exposure(f"v{number}") for number in range(6)]
        await sent(caller, bare[0], by=by["relay"])
        off = figure(figures((await page(http, "/metrics"))[1]), name)
        await require(caller, use=admin.EXPOSURE_TOKEN_USE_ISSUED)
        shown = await assigned(caller, "w")
        counted = [bare[1], bare[2], exposed(shown, unit_id="other"), exposed(shown)]
        taken = await sent(caller, *counted, by=by["relay"])
        taken += await sent(caller, bare[3], by=by["storefront"])  # is trusted
        issued = figure(figures((await page(http, "/metrics"))[1]), name)
        await require(caller)
        await sent(caller, bare[4], bare[5], by=by["relay"])
        required = figure(figures((await page(http, "/metrics"))[1]), name)

    assert statuses(taken) == ["accepted"] * 5
    assert (off, issued, required) == (0, 3, 3)
