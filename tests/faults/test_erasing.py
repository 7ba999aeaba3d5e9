"""The fault of erasing in its short form: `make faults` runs the long one."""

from tests.faults import killed_while_erasing


def test_a_server_that_is_killed_while_it_erases_leaves_all_or_nothing() -> None:
    counts = killed_while_erasing.run(rounds=3)

    assert counts.pop("erased") + counts.pop("kept") == 3
    assert counts == {"half": 0, "early": 0, "resurrected": 0, "lost": 0}
