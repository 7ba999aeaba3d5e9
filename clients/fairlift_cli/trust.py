"""Whether the data can be trusted: the same checks in `results` and in `health`."""

from collections.abc import Sequence

from fairlift.v1 import results_service_pb2 as pb
from rich.text import Text

from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen

_FINE = (pb.HEALTH_STATUS_OK, pb.HEALTH_STATUS_NOT_CHECKED)


def show_checks(screen: Screen, figures: Figures, health: pb.Health, *, every: bool) -> None:
    """Prints each check with its mark, those of the whole shop below the campaign's.

    Args:
        screen: where to print.
        figures: in the reader's language.
        health: the checks.
        every: list each check of the shop; else one line stands for them when all are fine.
    """
    screen.line(figures.say("report.health"), style="bold")
    for check in health.checks:
        if not check.shop_wide:
            _show(screen, check.status, _sentence(check))
    of_shop = [check for check in health.checks if check.shop_wide]
    problems = [check for check in of_shop if check.status not in _FINE]
    if of_shop and not every and not problems:
        _show(screen, _common_status(of_shop), figures.say("report.shop_ok"))
        return
    if shown := of_shop if every else problems:
        screen.line(figures.say("report.health_shop"), indent=2)
        for check in shown:
            _show(screen, check.status, _sentence(check))


def _common_status(checks: Sequence[pb.HealthCheck]) -> pb.HealthStatus.ValueType:
    """Of checks that found no problem: one that had nothing to check yet proves nothing."""
    is_checked = any(check.status == pb.HEALTH_STATUS_OK for check in checks)
    return pb.HEALTH_STATUS_OK if is_checked else pb.HEALTH_STATUS_NOT_CHECKED


def _sentence(check: pb.HealthCheck) -> str:
    return check.sentence or check.name.replace("_", " ")


def _show(screen: Screen, status: pb.HealthStatus.ValueType, sentence: str) -> None:
    glyphs = screen.glyphs
    marks = {
        pb.HEALTH_STATUS_OK: (glyphs.ok, "green"),
        pb.HEALTH_STATUS_WARNING: (glyphs.warning, "yellow"),
        pb.HEALTH_STATUS_BROKEN: (glyphs.broken, "red"),
        pb.HEALTH_STATUS_NOT_CHECKED: (glyphs.unchecked, ""),
    }
    mark, style = marks.get(status, ("?", ""))
    screen.marked(Text(mark, style=style), sentence, indent=2)
