"""The history: every change with who, from where, before, after and why; and its chain."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1.campaign_pb2 import Holdout
from fairlift.v1.campaign_service_pb2 import Change
from fairlift.wire.values import time_to
from fairlift_server.store.database import Store

from tests.databases import changed, database_in, rows
from tests.server import shop
from tests.server.access.callers import ADMIN, bearer, made
from tests.server.client import ID_KEY, Caller, details, running

NAME = "campaigns/free-shipping"
# The content of an entry that is hashed, as docs/operating.md has it.
COLUMNS = "number, time_us, author, user_name, peer, verb, resource, epoch, fields, reason, hash"


async def everything_changed(caller: Caller) -> None:
    """A change of each kind."""
    ana = bearer((await made(caller, "editor", name="Ana")).secret, user="ana")
    admin = bearer(ADMIN, user="the admin")
    create = campaigns.CreateCampaignRequest(campaign=shop.campaign(), reason="May")
    await caller.campaigns.CreateCampaign(create, metadata=ana)
    await caller.campaigns.StartCampaign(campaigns.StartCampaignRequest(name=NAME), metadata=ana)
    await caller.campaigns.UpdateHoldout(
        campaigns.UpdateHoldoutRequest(holdout=Holdout(share_bps=500), reason="to measure all"),
        metadata=admin,
    )
    settings = pb.Settings(retention_days=90)
    await caller.admin.UpdateSettings(
        pb.UpdateSettingsRequest(settings=settings, reason="law"), metadata=admin
    )
    await caller.admin.EraseUnit(pb.EraseUnitRequest(unit_id="v", reason="asked"), metadata=admin)
    await caller.admin.RevokeToken(pb.RevokeTokenRequest(name="tokens/ana"), metadata=admin)


async def audit(caller: Caller, **fields: object) -> list[Change]:
    request = pb.ListAuditRequest(**fields)  # type: ignore[arg-type]  # by name
    answer = await caller.admin.ListAudit(request, metadata=bearer(ADMIN))
    return list(answer.changes)


def command(database: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "audit", *arguments],
        env={"FAIRLIFT_DATABASE": database, "FAIRLIFT_ID_KEY": ID_KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_every_change_says_who_where_what_and_why(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
        found = await audit(caller)

    assert [(each.resource, each.verb) for each in found] == [
        ("tokens/ana", "create"),
        (NAME, "create"),
        (NAME, "start"),
        ("holdout", "update"),
        ("settings", "update"),
        ("units", "erase"),
        ("tokens/ana", "revoke"),
    ]
    settings = "tokens/FAIRLIFT_TOKEN"
    assert [each.author for each in found] == [settings, *["tokens/ana"] * 2, *[settings] * 4]
    assert [each.user for each in found] == ["", "ana", "ana", *["the admin"] * 4]
    assert {each.peer for each in found} == {"127.0.0.1"}
    assert [each.number for each in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.reason for each in found] == ["", "May", "", "to measure all", "law", "asked", ""]
    fields = [{f.field: (f.before, f.after) for f in each.changes} for each in found]
    assert fields[0]["role"] == ("", "editor")
    assert fields[2] == {"state": ("draft", "running")}
    assert fields[3] == {"share_bps": ("0", "500")}
    assert fields[4] == {"retention_days": ("", "90")}
    assert fields[5]["ids"] == ("1", "0")


async def test_a_campaigns_history_is_part_of_it(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
        request = campaigns.ListChangesRequest(name=NAME)
        listed = await caller.campaigns.ListChanges(request, metadata=bearer(ADMIN))
        named = await audit(caller, resource=NAME)
        tokens = await audit(caller, resource="tokens/ana")
        later = await audit(caller, from_time=named[1].change_time)
        none = await audit(caller, from_time=time_to(shop.now()))

    assert list(listed.changes) == named
    assert [each.number for each in named] == [2, 3]
    assert [each.verb for each in tokens] == ["create", "revoke"]
    assert [each.number for each in later] == [3, 4, 5, 6, 7]
    assert none == []


async def test_it_is_read_in_pages_of_one_listing(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
        numbers, request = [], pb.ListAuditRequest(page_size=3)
        while True:
            page = await caller.admin.ListAudit(request, metadata=bearer(ADMIN))
            numbers += [each.number for each in page.changes]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        request.resource = "holdout"
        with pytest.raises(grpc.aio.AioRpcError) as other:
            await caller.admin.ListAudit(request, metadata=bearer(ADMIN))

    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert details(other.value)[1].field_violations[0].field == "page_token"


async def test_the_hash_is_what_the_documents_say(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)

    before = ""
    for row in rows(database_in(tmp_path), f"SELECT {COLUMNS} FROM changes ORDER BY number"):
        *content, digest = row
        text = json.dumps([before, *content], ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        before = digest


async def test_the_command_checks_exports_and_finds_each_edit(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
        database = database_in(tmp_path)
        # Also while the server runs.
        fine = command(database, "check")
    newest = fine.stdout.splitlines()[-1]
    exported = [json.loads(line) for line in command(database, "export").stdout.splitlines()]

    assert fine.stdout.startswith("the history holds: 7 entries")
    assert newest.startswith("7:")
    assert [each["resource"] for each in exported][-2:] == ["units", "tokens/ana"]
    assert exported[3]["fields"][0]["after"] == "500"
    assert exported[1]["author"] == {"token": "tokens/ana", "user": "ana", "peer": "127.0.0.1"}
    assert command(database, "check", "--expect", newest).returncode == 0

    edits = {
        "UPDATE changes SET reason = 'June' WHERE number = 2": "entry 2 is not what was written",
        "UPDATE changes SET author = 'tokens/bob' WHERE number = 3": "entry 3 is not",
        "UPDATE changes SET peer = '' WHERE number = 4": "entry 4 is not",
        "DELETE FROM changes WHERE number = 5": "entry 5 is missing",
    }
    for statement, says in reversed(edits.items()):
        assert changed(database, statement) == 1
        found = command(database, "check")
        assert found.returncode == 1
        assert says in found.stderr


async def test_removed_newest_entries_are_found_by_what_was_kept(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
    database = database_in(tmp_path)
    newest = command(database, "check").stdout.splitlines()[-1]
    changed(database, "DELETE FROM changes WHERE number > 5")

    without = command(database, "check")
    changed(database, "UPDATE tokens SET revoked_us = NULL")  # as who removes the entry would
    covered = command(database, "check")
    with_it = command(database, "check", "--expect", newest)
    wrong = command(database, "check", "--expect", "the newest")

    assert "tokens/ana is there, and the entry of its 'revoke' is missing" in without.stderr
    assert covered.returncode == 0
    assert with_it.returncode == wrong.returncode == 1
    assert "entry 7 is not the one that was expected" in with_it.stderr
    assert "must be such as 17:3f0c" in wrong.stderr


async def test_an_emptied_history_is_found(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
    database = database_in(tmp_path)
    changed(database, "DELETE FROM changes")

    emptied = command(database, "check")

    assert emptied.returncode == 1
    assert "is there, and the entry of its 'create' is missing" in emptied.stderr


async def test_what_a_file_keeps_is_compared_and_then_written_anew(tmp_path: Path) -> None:
    kept = tmp_path / "history-of-the-shop"
    database = database_in(tmp_path)
    async with running(tmp_path, token=ADMIN) as caller:
        await everything_changed(caller)
        first = command(database, "check", "--kept", str(kept))
        await made(caller, "reader")
        second = command(database, "check", "--kept", str(kept))
    newest = kept.read_text()
    changed(database, "DELETE FROM changes WHERE number = 8")
    changed(database, "DELETE FROM tokens WHERE role = 'reader'")
    third = command(database, "check", "--kept", str(kept))

    assert first.returncode == second.returncode == 0
    assert newest.startswith("8:")
    assert third.returncode == 1
    assert "entry 8 is not the one that was expected" in third.stderr
    assert kept.read_text() == newest


@pytest.mark.parametrize("times", [1, 2])
def test_what_an_older_version_wrote_is_chained(tmp_path: Path, times: int) -> None:
    database = database_in(tmp_path, "old.db")
    store = Store(database)
    store.migrate()
    store.close()
    old = (
        "INSERT INTO campaigns (id, state, message) VALUES ('a', 'draft', ?)",
        "INSERT INTO changes (campaign, time_us, author, verb, epoch, fields, reason) "
        "VALUES ('a', 5, '', 'create', 0, '[]', '')",
    )
    assert changed(database, old[0], [b""]) == 1
    for _ in range(times):
        assert changed(database, old[1]) == 1

    from fairlift_server.store.history import chain, entries, first_break

    store = Store(database)
    store.write_now(chain)
    found = store.read_now(lambda transaction: entries(transaction, limit=9))
    broken = store.read_now(first_break)
    store.close()

    assert [each.number for each in found] == [1, 2][:times]
    assert {each.resource for each in found} == {"campaigns/a"}
    assert broken == ""


async def test_settings_are_changed_by_etag_and_within_their_rules(tmp_path: Path) -> None:
    async with running(tmp_path, environment="staging", currency="RON") as caller:
        before = await caller.admin.GetSettings(pb.GetSettingsRequest())
        wanted = pb.Settings(etag=before.etag, retention_days=0)
        first = await caller.admin.UpdateSettings(pb.UpdateSettingsRequest(settings=wanted))
        same = await caller.admin.UpdateSettings(pb.UpdateSettingsRequest(settings=first))
        stale = pb.Settings(etag="an-old-one", retention_days=60)
        refused = {}
        for settings in (stale, pb.Settings(retention_days=7), pb.Settings(retention_days=10**6)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await caller.admin.UpdateSettings(pb.UpdateSettingsRequest(settings=settings))
            refused[settings.retention_days] = caught.value.code().name
        default = await caller.admin.UpdateSettings(
            pb.UpdateSettingsRequest(settings=pb.Settings(etag=first.etag))
        )
        found = await audit(caller)

    assert (before.environment, before.currency_code) == ("staging", "RON")
    assert not before.HasField("retention_days")
    assert first.HasField("retention_days")
    assert first.etag
    assert same == first
    assert refused == {60: "ABORTED", 7: "INVALID_ARGUMENT", 10**6: "INVALID_ARGUMENT"}
    assert not default.HasField("retention_days")
    assert [(each.changes[0].before, each.changes[0].after) for each in found] == [
        ("", "0"),
        ("0", ""),
    ]


async def test_an_author_of_the_network_cannot_forge_its_name(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN) as caller:
        forged = (*bearer(ADMIN), ("fairlift-user", "x" * 500))
        request = pb.CreateTokenRequest(display_name="r", role=pb.TOKEN_ROLE_READER)
        await caller.admin.CreateToken(request, metadata=forged)
        (entry,) = await audit(caller)

    assert entry.author == "tokens/FAIRLIFT_TOKEN"
    assert entry.user == "x" * 64
