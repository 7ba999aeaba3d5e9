"""The version before and this one on one PostgreSQL: up, side by side, and back again.

The older version is the commit before the newest migration, checked out beside the repository.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift_server.store.schema_version import MIGRATIONS, newest_revision

from tests.databases import rows
from tests.e2e.test_server_process import start_campaign
from tests.faults.ledgers import KEY, Counts, postgres
from tests.faults.senders import Senders
from tests.faults.servers import Server

ROOT = Path(__file__).parent.parent.parent
VISITORS = [f"visitor-{number}" for number in range(300)]
BETWEEN_S = 3.0


@contextmanager
def version_before(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that run the code of the commit before the newest migration."""
    [script] = (MIGRATIONS / "versions").glob(f"v{newest_revision()}_*.py")
    added = ["log", "--diff-filter=A", "--format=%H", "-1", "--", str(script.relative_to(ROOT))]
    commit = _git(*added).stdout.strip()
    if not commit:
        raise RuntimeError(f"{script.name} is not committed: there is no version before it")
    place = folder / "before"
    _git("worktree", "add", "--detach", str(place), f"{commit}^")
    try:
        parts = ("clients", "server", "stats")
        yield {"PYTHONPATH": ":".join(str(place / part) for part in parts)}
    finally:
        _git("worktree", "remove", "--force", str(place))


def upgraded_and_back() -> Counts:
    """What becomes of events and assignments while versions change."""
    before = f"{int(newest_revision()) - 1:04}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(postgres())
        old_code = stack.enter_context(version_before(folder))
        old = _server(stack, database.url, folder, **old_code)
        with grpc.insecure_channel(old.address) as channel:
            start_campaign(channel)
        serving = [old]
        expected = _variants(old)
        senders = Senders(lambda: [server.address for server in serving])
        stack.callback(senders.stop)
        counts = {"flips": 0.0, "versions": 0.0, "refused starts": 0.0}

        def served(*servers: Server) -> None:
            """These take the calls from now on, and decide as ever."""
            serving[:] = servers
            time.sleep(BETWEEN_S)
            counts["flips"] += sum(_variants(server) != expected for server in servers)

        served(old)
        new = _server(stack, database.url, folder)  # migrates beneath the old one
        counts["versions"] += _version(database.url) == newest_revision()
        served(old, new)
        _rename(new, "By the new one")
        counts["flips"] += not _is_named(old, "By the new one")
        _rename(old, "By the old one")
        counts["flips"] += not _is_named(new, "By the old one")
        serving[:] = [new]
        old.close()
        served(new)
        # Back: all servers of the new version stop; senders keep what is not acknowledged.
        counts["refused starts"] += _migrated(database.url, before).returncode  # while it serves
        new.close()
        counts["refused starts"] += _migrated(database.url, before).returncode  # without a back-up
        down = time.monotonic()
        back = _migrated(database.url, before, "--backed-up")
        if back.returncode:
            raise RuntimeError(back.stderr)
        old.start()
        served(old)
        counts["versions"] += _version(database.url) == before  # this version would have migrated
        counts["back after s"] = time.monotonic() - down - BETWEEN_S
        # And up again.
        new.start()
        served(old, new)
        counts["versions"] += _version(database.url) == newest_revision()
        senders.stop()
        counts |= senders.counts(database.url)
        chain = _command(database.url, "audit", "check")
        counts["wrong"] += chain.returncode + counts.pop("flips") + (counts["versions"] != 3)
        counts["wrong"] += counts["refused starts"] != 2
        return counts


def _server(stack: ExitStack, database: str, folder: Path, **settings: str) -> Server:
    server = Server(database, folder, **settings)
    stack.callback(server.close)
    return server


def _git(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)


def _command(database: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", *words],
        env={"FAIRLIFT_DATABASE": database, **KEY},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _migrated(database: str, to: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return _command(database, "migrate", "--to", to, *words)


def _version(database: str) -> str:
    [(version,)] = rows(database, "SELECT version_num FROM alembic_version")
    return str(version)


def _variants(server: Server) -> list[str]:
    with grpc.insecure_channel(server.address) as channel:
        stub: AssignmentServiceStub = AssignmentServiceStub(channel)
        return [
            str(stub.AssignVariants(AssignVariantsRequest(visitor_id=visitor)).assignments)
            for visitor in VISITORS
        ]


def _campaign(server: Server, name: str | None) -> str:
    """The name that the campaign has for the people; first it gets it, if one is given."""
    with grpc.insecure_channel(server.address) as channel:
        stub: CampaignServiceStub = CampaignServiceStub(channel)
        campaign = stub.ListCampaigns(pb.ListCampaignsRequest()).campaigns[0]
        if name is not None:
            campaign.display_name = name
            campaign = stub.UpdateCampaign(pb.UpdateCampaignRequest(campaign=campaign))
        return campaign.display_name


def _rename(server: Server, name: str) -> None:
    _campaign(server, name)


def _is_named(server: Server, name: str) -> bool:
    """Whether the other server knows the name within two seconds."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if _campaign(server, None) == name:
            return True
        time.sleep(0.1)
    return False
