"""The life of a token: made, used, rotated, expired, revoked; and callers who try tricks."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2, results_service_pb2
from fairlift_server.api import token_calls
from google.protobuf.duration_pb2 import Duration

from tests.databases import database_in, rows, sqlite_only
from tests.server import shop
from tests.server.access.callers import ADMIN, ROLES, bearer, made, status
from tests.server.client import Caller, Clock, details, running

ASSIGN = "/fairlift.v1.AssignmentService/AssignVariants"
WATCH = assignment_service_pb2.WatchSnapshotRequest()
# The promise: everywhere within a second.
SOON_S = 1.0


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Caller]:
    async with running(tmp_path, token=ADMIN, keep_alive_s=0.2) as caller:
        yield caller


async def refused(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]  # any call of gRPC
    return caught.value


async def revoked(caller: Caller, name: str) -> pb.Token:
    request = pb.RevokeTokenRequest(name=name, reason="lost")
    return await caller.admin.RevokeToken(request, metadata=bearer(ADMIN))


async def assigns(caller: Caller, token: str) -> str:
    return (await status(caller.channel, ASSIGN, bearer(token)))[0]


async def test_a_token_is_shown_once_and_kept_as_a_hash(guarded: Caller, tmp_path: Path) -> None:
    answer = await made(guarded, "storefront", name="Shop: Ünïcode!")
    again = await made(guarded, "storefront", name="Shop: Ünïcode!")
    listed = await guarded.admin.ListTokens(pb.ListTokensRequest(), metadata=bearer(ADMIN))

    assert [answer.token.name, again.token.name] == ["tokens/shop-unicode", "tokens/shop-unicode-2"]
    assert answer.secret.startswith("fairlift_")
    assert answer.secret != again.secret
    assert [token.name for token in listed.tokens] == [
        "tokens/FAIRLIFT_TOKEN",
        "tokens/shop-unicode",
        "tokens/shop-unicode-2",
    ]
    assert answer.secret not in str(listed)
    for table in ("tokens", "changes"):
        assert (
            answer.secret.encode()
            not in repr(rows(database_in(tmp_path), f"SELECT * FROM {table}")).encode()
        )


async def test_tokens_are_listed_in_pages(guarded: Caller) -> None:
    for _ in range(4):
        await made(guarded, "reader", name="r")
    names, page_token = [], ""
    for _ in range(3):
        request = pb.ListTokensRequest(page_size=2, page_token=page_token)
        page = await guarded.admin.ListTokens(request, metadata=bearer(ADMIN))
        names += [token.name for token in page.tokens]
        page_token = page.next_page_token

    assert names == [f"tokens/{each}" for each in ("FAIRLIFT_TOKEN", "r", "r-2", "r-3", "r-4")]
    assert not page_token


async def test_a_revoked_token_ends_its_streams_and_calls_and_no_other(guarded: Caller) -> None:
    victim, other = await made(guarded, "storefront"), await made(guarded, "storefront")
    streams = [
        guarded.assignments.WatchSnapshot(WATCH, metadata=bearer(each.secret))
        for each in (victim, victim, other)
    ]
    for stream in streams:
        await stream.read()
    assert await assigns(guarded, victim.secret) == "OK"

    begun = time.monotonic()
    gone = await revoked(guarded, victim.token.name)
    errors = [await refused(_drained(stream)) for stream in streams[:2]]
    took_s = time.monotonic() - begun

    assert gone.HasField("revoke_time")
    assert {error.code() for error in errors} == {grpc.StatusCode.UNAUTHENTICATED}
    assert took_s < SOON_S
    assert await assigns(guarded, victim.secret) == "UNAUTHENTICATED"
    assert await streams[2].read() is not grpc.aio.EOF
    assert await assigns(guarded, other.secret) == "OK"
    # Again: it is as it was.
    assert await revoked(guarded, victim.token.name) == gone


@sqlite_only
async def test_a_revoked_token_is_refused_at_once_though_the_database_cannot_be_written(
    guarded: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_calls, "_LONGEST_WRITE_S", 1.0)
    victim, other = await made(guarded, "storefront"), await made(guarded, "storefront")
    stream = guarded.assignments.WatchSnapshot(WATCH, metadata=bearer(victim.secret))
    await stream.read()
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as program:
        program.execute("BEGIN IMMEDIATE")
        error = await refused(revoked(guarded, victim.token.name))
        ended = await refused(_drained(stream))
        meanwhile = [await assigns(guarded, each.secret) for each in (victim, other)]
        program.execute("ROLLBACK")
    await made(guarded, "reader")  # servers read all tokens again
    later = await assigns(guarded, victim.secret)
    stored = await revoked(guarded, victim.token.name)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (error.details() or "").startswith(
        f"{victim.token.name} is refused by this server from now on, but that is not stored yet"
    )
    assert ended.code() is grpc.StatusCode.UNAUTHENTICATED
    assert meanwhile == ["UNAUTHENTICATED", "OK"]
    assert later == "UNAUTHENTICATED"
    assert stored.HasField("revoke_time")


async def _drained(stream: grpc.aio.UnaryStreamCall[Any, Any]) -> None:  # any stream
    while await stream.read() is not grpc.aio.EOF:
        pass


async def test_two_secrets_are_alive_while_a_token_is_rotated(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, token=ADMIN, clock=clock) as caller:
        first = await made(caller, "storefront")
        name = first.token.name
        request = pb.RotateTokenRequest(name=name, overlap=Duration(seconds=3_600))
        second = await caller.admin.RotateToken(request, metadata=bearer(ADMIN))
        stream = caller.assignments.WatchSnapshot(WATCH, metadata=bearer(first.secret))
        await stream.read()
        both = [await assigns(caller, each.secret) for each in (first, second)]
        third = await refused(caller.admin.RotateToken(request, metadata=bearer(ADMIN)))
        clock.ahead = timedelta(hours=1, seconds=1)
        ended = await refused(_drained(stream))
        later = [await assigns(caller, each.secret) for each in (first, second)]
        # A leak: both end at once.
        request.overlap.seconds = 0
        fourth = await caller.admin.RotateToken(request, metadata=bearer(ADMIN))
        last = [await assigns(caller, each.secret) for each in (first, second, fourth)]

    assert both == ["OK", "OK"]
    assert third.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "has two secrets until" in (third.details() or "")
    assert ended.code() is grpc.StatusCode.UNAUTHENTICATED
    assert later == ["UNAUTHENTICATED", "OK"]
    assert last == ["UNAUTHENTICATED", "UNAUTHENTICATED", "OK"]
    assert second.token.old_secret_expire_time.seconds > second.token.create_time.seconds


async def test_an_expired_token_is_refused_and_cannot_be_rotated(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, token=ADMIN, clock=clock) as caller:
        answer = await made(caller, "reader", lifetime=Duration(seconds=60))
        clock.ahead = timedelta(seconds=61)
        code = await assigns(caller, answer.secret)
        request = pb.RotateTokenRequest(name=answer.token.name)
        rotated = await refused(caller.admin.RotateToken(request, metadata=bearer(ADMIN)))

    assert answer.token.expire_time.seconds - answer.token.create_time.seconds == 60
    assert code == "UNAUTHENTICATED"
    assert "has expired; make a new one" in (rotated.details() or "")


async def test_unknown_expired_and_revoked_have_the_same_words(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, token=ADMIN, clock=clock) as caller:
        expired = await made(caller, "admin", lifetime=Duration(seconds=60))
        gone = await made(caller, "admin")
        await revoked(caller, gone.token.name)
        clock.ahead = timedelta(seconds=61)
        odd = [
            bearer(expired.secret),
            bearer(gone.secret),
            bearer("fairlift_" + "0" * 49),
            bearer(""),
            bearer(ADMIN.upper()),
            bearer(ADMIN[:-1]),
            bearer("x" * 8_000),
            (("authorization", ADMIN),),
            (("authorization", f"Basic {ADMIN}"),),
            (("authorization", f"Bearer  {ADMIN} x"),),
            (*bearer(ADMIN), *bearer(ADMIN)),
            (*bearer("x"), *bearer(ADMIN)),
            (),
        ]
        answers = {await status(caller.channel, ASSIGN, metadata) for metadata in odd}
        fine = {
            await status(caller.channel, ASSIGN, metadata)
            for metadata in (bearer(ADMIN), (("authorization", f"bEARER   {ADMIN} "),))
        }

    assert answers == {
        (
            "UNAUTHENTICATED",
            "send the metadata `authorization: Bearer TOKEN` with a valid token",
        )
    }
    assert fine == {("OK", "")}


async def test_a_token_of_a_megabyte_is_refused_and_the_server_goes_on(guarded: Caller) -> None:
    code, _ = await status(guarded.channel, ASSIGN, bearer("x" * 1_000_000))

    assert code != "OK"
    assert await assigns(guarded, ADMIN) == "OK"


async def test_an_open_server_closes_with_its_first_token(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        anonymous = caller.assignments.WatchSnapshot(WATCH)
        await anonymous.read()
        request = pb.CreateTokenRequest(display_name="shop", role=pb.TOKEN_ROLE_STOREFRONT)
        locked_out = await refused(caller.admin.CreateToken(request))
        request.role = pb.TOKEN_ROLE_ADMIN
        first = await caller.admin.CreateToken(request)
        ended = await refused(_drained(anonymous))
        code, _ = await status(caller.channel, ASSIGN, ())
        await caller.admin.RevokeToken(
            pb.RevokeTokenRequest(name=first.token.name), metadata=bearer(first.secret)
        )
        # It does not open again.
        after, _ = await status(caller.channel, ASSIGN, ())

    assert "make one of the role admin first" in (locked_out.details() or "")
    assert ended.code() is grpc.StatusCode.UNAUTHENTICATED
    assert (code, after) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


async def test_the_token_of_the_settings_is_changed_there(guarded: Caller) -> None:
    error = await refused(revoked(guarded, "tokens/FAIRLIFT_TOKEN"))

    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "is set in the environment of the server" in (error.details() or "")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.CreateTokenRequest(display_name="x"), "role"),
        (pb.CreateTokenRequest(role=pb.TOKEN_ROLE_READER), "display_name"),
        (pb.CreateTokenRequest(role=pb.TOKEN_ROLE_READER, display_name="a\nb"), "display_name"),
        (pb.CreateTokenRequest(role=pb.TOKEN_ROLE_READER, display_name="x" * 101), "display_name"),
        (
            pb.CreateTokenRequest(
                role=pb.TOKEN_ROLE_READER, display_name="x", lifetime=Duration(seconds=0)
            ),
            "lifetime",
        ),
        (
            pb.CreateTokenRequest(
                role=pb.TOKEN_ROLE_READER, display_name="x", lifetime=Duration(seconds=2**60)
            ),
            "lifetime",
        ),
        (pb.RotateTokenRequest(name="ci"), "name"),
        (pb.RotateTokenRequest(name="tokens/a-reader", overlap=Duration(seconds=-9)), "overlap"),
        (pb.RevokeTokenRequest(name="tokens/x", reason="x" * 1_001), "reason"),
    ],
)
async def test_a_request_that_breaks_a_rule_names_the_field(
    guarded: Caller, request_: object, field: str
) -> None:
    await made(guarded, "reader")
    call = {
        pb.CreateTokenRequest: guarded.admin.CreateToken,
        pb.RotateTokenRequest: guarded.admin.RotateToken,
        pb.RevokeTokenRequest: guarded.admin.RevokeToken,
    }[type(request_)]

    error = await refused(call(request_, metadata=bearer(ADMIN)))  # type: ignore[operator]

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [each.field for each in details(error)[1].field_violations] == [field]


async def test_a_token_that_is_none_is_not_found(guarded: Caller) -> None:
    error = await refused(revoked(guarded, "tokens/nobody-s"))

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert "fairlift-server token list" in (error.details() or "")


async def test_last_use_is_written_once_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, token=ADMIN, clock=clock) as caller:
        answer = await made(caller, "storefront")
        uses: list[int] = []
        for _ in range(3):
            clock.ahead += timedelta(minutes=1)
            for _ in range(20):
                await assigns(caller, answer.secret)
            async with asyncio.timeout(5):
                while (seconds := await _last_use(caller)) in (0, *uses):
                    await asyncio.sleep(0.05)
            uses.append(seconds)

    assert [seconds % 60 for seconds in uses] == [0, 0, 0]
    assert uses == sorted(set(uses))


async def _last_use(caller: Caller) -> int:
    listed = await caller.admin.ListTokens(pb.ListTokensRequest(), metadata=bearer(ADMIN))
    return listed.tokens[1].last_use_time.seconds


async def test_a_token_never_stands_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    canaries = [ADMIN, "a-bad-token-of-a-stranger"]
    async with running(tmp_path, token=ADMIN) as caller:
        answers = [await made(caller, role) for role in ROLES]
        canaries += [answer.secret for answer in answers]
        texts: list[str] = []
        for token in canaries:
            for method in (ASSIGN, "/fairlift.v1.AdminService/ListTokens", "/no.Such/Method"):
                texts += await status(caller.channel, method, bearer(token))
        await revoked(caller, answers[0].token.name)

    said = "\n".join(
        str(vars(record)) for record in caplog.records if record.name.startswith("fairlift")
    )
    assert "calls refused" in said
    assert not any(token in said or token in "".join(texts) for token in canaries)


async def test_what_a_reader_reads_holds_no_salt(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        reader, shop_token = await made(caller, "reader"), await made(caller, "storefront")
        admin, campaign = bearer(ADMIN), shop.campaign()
        await caller.campaigns.CreateCampaign(
            campaign_service_pb2.CreateCampaignRequest(campaign=campaign), metadata=admin
        )
        await caller.campaigns.StartCampaign(
            campaign_service_pb2.StartCampaignRequest(name=campaign.name), metadata=admin
        )
        name = campaign.name
        metadata = bearer(reader.secret)
        answers = [
            await caller.campaigns.GetCampaign(
                campaign_service_pb2.GetCampaignRequest(name=name), metadata=metadata
            ),
            await caller.campaigns.ListCampaigns(
                campaign_service_pb2.ListCampaignsRequest(), metadata=metadata
            ),
            await caller.campaigns.ListChanges(
                campaign_service_pb2.ListChangesRequest(name=name), metadata=metadata
            ),
            await caller.campaigns.PlanChange(
                campaign_service_pb2.PlanChangeRequest(campaigns=[campaign]), metadata=metadata
            ),
            await caller.results.ListReports(
                results_service_pb2.ListReportsRequest(), metadata=metadata
            ),
        ]
        watch = caller.assignments.WatchSnapshot(WATCH, metadata=bearer(shop_token.secret))
        snapshot = await anext(aiter(watch))

    read = b"".join(answer.SerializeToString() for answer in answers)
    database = database_in(tmp_path)
    salts = [
        salt
        for query in (
            "SELECT traffic_salt, variants_salt FROM epochs",
            "SELECT holdout_salt, holdout_salt FROM shop",
        )
        for row in rows(database, query)
        for salt in row
    ]
    assert len(salts) == 4
    # The storefront needs them, so the search would find them.
    assert all(salt.encode() in snapshot.SerializeToString() for salt in salts)
    assert not any(salt.encode() in read for salt in salts)
