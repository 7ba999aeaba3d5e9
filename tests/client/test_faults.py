"""A server in a process of its own that is killed, frozen, slow, or sends rubbish."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift import Assignment, Client, Reason

from tests.client.shop import Shop, eventually, spring
from tests.client.shop_process import ROOT, ShopProcess

SPAIN = {"country": "ES"}
UNITS = [f"v{number}" for number in range(300)]
FAULTS = ["killed", "frozen", "slow", "garbage", "empty"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShopProcess]:
    process = ShopProcess(tmp_path)
    process.start()
    yield process
    process.stop()


def break_(server: ShopProcess, fault: str) -> None:
    match fault:
        case "killed":
            server.signal(signal.SIGKILL)
        case "frozen":
            server.signal(signal.SIGSTOP)
        case "slow":
            server.say("delay 2")
        case rubbish:
            server.say(rubbish)
            server.say("publish e2")


def mend(server: ShopProcess, fault: str) -> None:
    match fault:
        case "killed":
            server.stop()
            server.start()
        case "frozen":
            server.signal(signal.SIGCONT)
        case "slow":
            server.say("delay 0")
        case _:
            server.say("sound")
    server.say("publish e3")


def answers(client: Client) -> tuple[list[Assignment], float]:
    """What all units meet, and the seconds that the slowest answer took."""
    slowest_s, decided = 0.0, []
    for unit in UNITS:
        started = time.perf_counter()
        decided.append(client.assign("spring", unit, SPAIN))
        slowest_s = max(slowest_s, time.perf_counter() - started)
        time.sleep(0.001)
    return decided, slowest_s


@pytest.mark.parametrize("fault", FAULTS)
def test_assignments_go_on_unchanged_and_nothing_is_lost(server: ShopProcess, fault: str) -> None:
    with Client(server.target) as client:
        # Given visitors with variants
        assert client.wait_ready(20)
        before = [each.variant for each in answers(client)[0]]

        # When the server fails, and things go on happening
        break_(server, fault)
        after, slowest_s = answers(client)
        for unit in UNITS:
            client.action(unit, "newsletter")
        again, _ = answers(client)

        # Then everybody keeps the variant, and at once
        assert [each.variant for each in after] == before
        assert [each.variant for each in again] == before
        assert {each.reason for each in after + again} == {Reason.ASSIGNED}
        assert slowest_s < 0.25
        assert client.stats().etag == "e1"

        # When it works again, then the new snapshot is taken and every event arrives, once
        mend(server, fault)
        assert eventually(lambda: client.stats().etag == "e3", 30)
        assert client.flush(30)
        assert client.assign("summer", "v").reason is Reason.ASSIGNED
        assert [each.variant for each in answers(client)[0]] == before
    assert sorted(unit for _, unit in server.events) == sorted(UNITS)


@pytest.mark.parametrize("fault", ["killed", "frozen", "slow"])
def test_thin_client_keeps_its_deadline_and_gives_the_control(
    server: ShopProcess, fault: str
) -> None:
    with Client(server.target, decide="server", timeout_s=0.1) as client:
        # Given a server that decides
        assert eventually(lambda: client.assign("spring", "v", SPAIN).is_in_campaign)

        # When it fails
        break_(server, fault)
        started = time.perf_counter()
        given = [client.assign("spring", f"v{number}", SPAIN) for number in range(20)]
        took_s = time.perf_counter() - started
        other = client.assign("spring", "v", SPAIN, default="off")

        # Then each visitor waits for the deadline at most, and gets the control with a reason
        assert {(each.variant, each.reason) for each in given} == {("control", Reason.NOT_READY)}
        assert (other.variant, other.reason) == ("off", Reason.NOT_READY)
        assert client.assign_all("v", SPAIN) == {}
        assert took_s < 20 * 0.1 + 1.0

        # When it works again, then it decides again
        mend(server, fault)
        assert eventually(lambda: client.assign("spring", "v", SPAIN).is_in_campaign, 30)


def test_frozen_server_holds_no_program_up_at_its_end(server: ShopProcess) -> None:
    client = Client(server.target)
    assert client.wait_ready(20)
    server.signal(signal.SIGSTOP)
    for unit in UNITS:
        client.action(unit, "newsletter")
    started = time.monotonic()
    client.close(1.0)

    assert time.monotonic() - started < 3
    assert client.stats().waiting == len(UNITS)


PROGRAM = """
import sys, time
from fairlift import Client
client = Client(sys.argv[1])
assert client.wait_ready(20)
print("ready", flush=True)
sys.stdin.readline()
client.action("v", "newsletter")
time.sleep(0.5)
print(time.time(), flush=True)
"""


def test_program_that_ends_waits_two_seconds_for_a_server_that_does_not_answer(
    server: ShopProcess,
) -> None:
    # Given a program with a batch under way to a server that does not answer
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, server.target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    server.signal(signal.SIGSTOP)

    # When the program ends
    out, err = program.communicate("go on\n", timeout=30)
    ended = time.time()

    # Then it is over two seconds later, and what it lost is told
    assert program.returncode == 0
    assert ended - float(out) < 2.9, err
    assert "1 events are lost" in err


def test_snapshot_that_cannot_be_used_is_not_asked_for_all_the_time(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    broken = spring("e2")
    broken.create_time.seconds = 2**60
    with Client(shop.target) as client:
        assert client.wait_ready(10)
        shop.publish(broken)
        assert eventually(lambda: "'e2' cannot be used" in client.stats().problem)
        time.sleep(1.0)

        assert shop.streams == 1
        assert client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED
        assert client.stats().etag == "e1"
        shop.publish(spring("e3"))
        assert eventually(lambda: client.stats().etag == "e3", 20)
        assert client.stats().problem == ""
    assert caplog.text.count("a snapshot cannot be used") == 1
