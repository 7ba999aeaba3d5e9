"""Whether the data can be trusted, as it is printed: in `results` and in `health`."""

import io

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.figures import Figures
from fairlift_cli.health_command import show_health
from fairlift_cli.screen import Screen
from fairlift_cli.trust import show_checks
from rich.console import Console

OK, WARNING = pb.HEALTH_STATUS_OK, pb.HEALTH_STATUS_WARNING
BROKEN, NOT_CHECKED = pb.HEALTH_STATUS_BROKEN, pb.HEALTH_STATUS_NOT_CHECKED


def _health(*of_shop: pb.HealthStatus.ValueType) -> pb.Health:
    found = pb.Health()
    found.checks.add(name="sample_ratio", status=OK, sentence="The split is right.")
    found.checks.add(name="enough_orders", status=BROKEN, sentence="Ten orders are too few.")
    found.checks.add(name="exposures", status=NOT_CHECKED, sentence="Nothing came.")
    for number, status in enumerate(of_shop):
        found.checks.add(name="clock", status=status, sentence=f"Shop {number}.", shop_wide=True)
    return found


def _printed(health: pb.Health, *, every: bool) -> list[str]:
    stream = io.StringIO()
    screen = Screen(console=Console(file=stream, width=80))
    show_checks(screen, Figures("en"), health, every=every)
    return stream.getvalue().splitlines()


def test_what_blocks_has_a_cross_and_what_was_not_checked_no_tick() -> None:
    assert _printed(_health(), every=False) == [
        "Can the data be trusted?",
        "  ✓ The split is right.",
        "  ✗ Ten orders are too few.",
        "  ○ Nothing came.",
    ]


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ((OK, NOT_CHECKED), ["  ✓ No problems with the events across the shop."]),
        ((NOT_CHECKED, NOT_CHECKED), ["  ○ No problems with the events across the shop."]),
        ((OK, WARNING), ["  Across the shop:", "  ! Shop 1."]),
    ],
)
def test_results_name_only_the_problems_of_the_shop(
    statuses: tuple[pb.HealthStatus.ValueType, ...], shown: list[str]
) -> None:
    assert _printed(_health(*statuses), every=False)[4:] == shown


def test_health_lists_every_check_of_the_shop() -> None:
    assert _printed(_health(OK, WARNING), every=True)[4:] == [
        "  Across the shop:",
        "  ✓ Shop 0.",
        "  ! Shop 1.",
    ]


@pytest.mark.parametrize(
    ("kind", "language", "word"),
    [("refund", "es", "devolución"), ("correction", "ro", "modificare"), ("split", "es", "split")],
)
def test_an_amendment_is_named_in_the_readers_language(kind: str, language: str, word: str) -> None:
    health = _health()
    health.amendments.add(order_id="A-1", kind=kind, sentence="…")
    stream = io.StringIO()

    show_health(Screen(console=Console(file=stream, width=80)), health, Figures(language))

    assert f"A-1, {word}" in stream.getvalue()
