"""Whose clock is wrong: decided from what callers say about their clocks, and nothing else."""

import pytest
from fairlift_server.events.caller_clocks import CallerClocks

MINUTE, HOUR = 60, 3_600
MICROS = 1_000_000


class World:
    """A server's clock and the passing time, both set by a test, in seconds."""

    def __init__(self) -> None:
        self.true_s = 1_800_000_000
        self.server_off_s = 0
        self.clocks = CallerClocks(self._server_us, lambda: float(self.true_s))

    def _server_us(self) -> int:
        return (self.true_s + self.server_off_s) * MICROS

    def heard(self, caller: str, off_s: float = 0) -> float:
        """By how many seconds events of a caller are shifted, whose clock is off by so many."""
        self.true_s += 1
        return self.clocks.shift_us(caller, round((self.true_s + off_s) * MICROS)) / MICROS


def test_a_clock_that_differs_from_the_server_and_from_its_peers_is_corrected() -> None:
    world = World()
    for caller in "abcde":
        world.heard(caller)

    assert world.heard("fast", 6 * MINUTE) == -6 * MINUTE
    assert world.heard("slow", -HOUR) == HOUR
    assert world.heard("a") == 0
    assert not world.clocks.state().suspects_server


@pytest.mark.parametrize("off_s", [HOUR, -HOUR])
def test_when_all_callers_disagree_in_the_same_way_nothing_is_shifted(
    off_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.server_off_s = off_s

    assert [world.heard(caller) for caller in "abcdefabcdef"] == [0] * 12
    state = world.clocks.state()
    assert (state.callers, state.agreeing, state.same_way) == (6, 0, 6)
    assert state.suspects_server
    assert state.ahead_us == -off_s * MICROS
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.getMessage().split(":")[0] for record in errors] == [
        "the server's clock is wrong"
    ]


def test_the_end_of_a_wrong_clock_of_the_server_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.server_off_s = -HOUR
    for caller in "abc":
        world.heard(caller)
    world.server_off_s = 0
    world.heard("a")

    assert "agrees with its callers again" in caplog.records[-1].getMessage()


def test_a_wrong_server_is_noticed_although_one_caller_is_wrong_with_it() -> None:
    world = World()
    world.server_off_s = -HOUR
    world.heard("on the same machine", -HOUR)

    assert [world.heard(caller) for caller in "abcde"] == [0] * 5
    assert world.clocks.state().suspects_server


def test_two_others_must_confirm_the_server_before_anybody_is_corrected() -> None:
    world = World()

    assert world.heard("odd", HOUR) == 0
    assert not world.clocks.state().suspects_server
    world.heard("a")
    assert world.heard("odd", HOUR) == 0
    world.heard("b")
    assert world.heard("odd", HOUR) == -HOUR
    world.heard("odd too", HOUR)
    assert world.heard("odd", HOUR) == 0


def test_a_clock_of_the_server_that_jumps_is_noticed_at_once() -> None:
    world = World()
    for caller in "abcdef":
        world.heard(caller)
    world.server_off_s = HOUR

    assert [world.heard(caller) for caller in "abcdef"] == [0] * 6


def test_a_clock_of_a_caller_that_jumps_is_corrected_from_the_next_call_on() -> None:
    world = World()
    for caller in "abcdef":
        world.heard(caller)

    assert world.heard("a", HOUR) == -HOUR
    assert world.heard("a", 0) == 0
    assert world.heard("a", -HOUR) == HOUR


@pytest.mark.parametrize(("off_s", "shift_s"), [(60, 0), (61, -61), (-60, 0), (-61, 61)])
def test_a_minute_is_no_error(off_s: int, shift_s: int) -> None:
    world = World()
    for caller in "abc":
        world.heard(caller)

    assert world.heard("d", off_s) == shift_s


def test_who_was_silent_for_ten_minutes_has_no_say() -> None:
    world = World()
    for caller in "abc":
        world.heard(caller)
    world.true_s += 10 * MINUTE

    assert world.heard("d", HOUR) == 0
    assert world.clocks.state().callers == 1


def test_only_the_last_thousand_callers_are_remembered() -> None:
    world = World()
    world.true_s -= 1_200
    now_s = world.true_s
    for number in range(1_200):
        world.clocks.shift_us(f"caller {number}", now_s * MICROS)

    assert world.clocks.state().callers == 1_000
