"""Whether the data can be trusted: the same checks in `results` and in `health`."""

from collections.abc import Sequence

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.parts import CheckStatus, CheckView
from fairlift_report.view import TrustView
from rich.text import Text

from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen

_FINE = (pb.HEALTH_STATUS_OK, pb.HEALTH_STATUS_NOT_CHECKED)
_STATUSES: dict[int, CheckStatus] = {
    pb.HEALTH_STATUS_OK: "ok",
    pb.HEALTH_STATUS_WARNING: "warning",
    pb.HEALTH_STATUS_BROKEN: "broken",
    pb.HEALTH_STATUS_NOT_CHECKED: "unchecked",
}


def trust_view(figures: Figures, health: pb.Health, *, every: bool) -> TrustView:
    """The checks, those of the whole shop apart.

    Args:
        figures: in the reader's language.
        health: the checks.
        every: list each check of the shop; else one line stands for them when all are fine.
    """
    of_shop = [check for check in health.checks if check.shop_wide]
    problems = [check for check in of_shop if check.status not in _FINE]
    is_fine = bool(of_shop) and not every and not problems
    shown = tuple(_check(check) for check in (of_shop if every else problems))
    if is_fine:
        shown = (CheckView(_common_status(of_shop), figures.say("report.shop_ok"), ()),)
    return TrustView(
        figures.say("report.health"),
        tuple(_check(check) for check in health.checks if not check.shop_wide),
        figures.say("report.health_shop"),
        shown,
        is_fine,
    )


def show_checks(screen: Screen, figures: Figures, health: pb.Health, *, every: bool) -> None:
    """Prints each check with its mark, those of the whole shop below the campaign's."""
    show_trust(screen, trust_view(figures, health, every=every))


def show_trust(screen: Screen, trust: TrustView) -> None:
    """Prints the checks of the view."""
    screen.line(trust.heading, style="bold")
    for check in trust.checks:
        _show(screen, check)
        for cause in check.causes:
            screen.line(cause, indent=4, mark=screen.glyphs.bullet)
    if trust.shop_checks and not trust.shop_is_fine:
        screen.line(trust.shop_heading, indent=2)
    for check in trust.shop_checks:
        _show(screen, check)


def _check(check: pb.HealthCheck) -> CheckView:
    sentence = check.sentence or check.name.replace("_", " ")
    status = _STATUSES.get(check.status, "unknown")
    return CheckView(status, sentence, tuple(cause.sentence for cause in check.causes))


def _common_status(checks: Sequence[pb.HealthCheck]) -> CheckStatus:
    """Of checks that found no problem: one that had nothing to check yet proves nothing."""
    is_checked = any(check.status == pb.HEALTH_STATUS_OK for check in checks)
    return "ok" if is_checked else "unchecked"


def _show(screen: Screen, check: CheckView) -> None:
    glyphs = screen.glyphs
    marks = {
        "ok": (glyphs.ok, "green"),
        "warning": (glyphs.warning, "yellow"),
        "broken": (glyphs.broken, "red"),
        "unchecked": (glyphs.unchecked, ""),
        "unknown": ("?", ""),
    }
    mark, style = marks[check.status]
    screen.marked(Text(mark, style=style), check.sentence, indent=2)
