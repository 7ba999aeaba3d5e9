"""One port of several processes, and their journals."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.events.journal import MIB, Journal
from fairlift_server.events.journal_files import gather, worker_folder
from fairlift_server.workers.shared_port import SharedPort

from tests.server.events.test_journal import drained
from tests.server.events.test_journal_records import exposures


def listening(listen: str) -> socket.socket:
    """A socket that listens as a worker does."""
    host, _, port = listen.rpartition(":")
    worker = socket.socket()
    worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    worker.bind((host, int(port)))
    worker.listen()
    return worker


def test_workers_share_the_port_that_was_free() -> None:
    with SharedPort("127.0.0.1:0") as shared:
        assert shared.listen == f"127.0.0.1:{shared.port}"
        with listening(shared.listen) as first, listening(shared.listen) as second:
            # Only those who listen are connected to.
            for _ in range(20):
                socket.create_connection(("127.0.0.1", shared.port), timeout=5).close()
            first.setblocking(False)
            second.setblocking(False)


def test_a_second_supervisor_on_the_port_is_refused() -> None:
    with (
        SharedPort("127.0.0.1:0") as shared,
        listening(shared.listen),
        pytest.raises(WrongState, match="Address already in use; stop the server"),
    ):
        SharedPort(shared.listen)


def test_several_workers_on_one_file_are_refused_in_one_sentence(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "fairlift_server", "serve"],
        env={"FAIRLIFT_WORKERS": "2", "FAIRLIFT_DATABASE": str(tmp_path / "shop.db")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith("fairlift-server: FAIRLIFT_WORKERS: is 2, must be 1 with a SQLite file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "after", "drains"),
    [
        # From no worker to some, to fewer, and to none.
        (["."], 2, "worker-0"),
        (["worker-0", "worker-1", "worker-2"], 1, "."),
        (["worker-2", "worker-3", "."], 2, "worker-0"),
    ],
)
def test_another_number_of_workers_leaves_no_event_behind(
    tmp_path: Path, before: list[str], after: int, drains: str
) -> None:
    folder, expected = tmp_path / "journal", []
    Journal(folder, limit_bytes=MIB).close()
    for number, name in enumerate(before):
        journal = Journal(folder / name, limit_bytes=MIB)
        events = exposures(3 + number)
        journal.append(events)
        expected += events
        journal.close()

    gather(folder, workers=after)

    used = [folder] if after == 1 else [worker_folder(folder, number) for number in range(after)]
    found = []
    for each in used:
        journal = Journal(each, limit_bytes=MIB)
        found += list(drained(journal))
        journal.close()
    assert sorted(event.event_id for event in found) == sorted(e.event_id for e in expected)
    assert [path.parent for path in folder.rglob("*.journal")] == []
    assert folder / drains in used


def test_the_journal_of_a_running_server_is_not_taken(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", limit_bytes=MIB)
    journal.append(exposures(1))
    with pytest.raises(WrongState, match="another server uses the journal"):
        gather(tmp_path / "journal", workers=2)
    assert list(drained(journal)) == exposures(1)
