"""The `health` command: whether the data can be trusted, and which amendments change nothing."""

from fairlift.v1 import results_service_pb2 as pb

from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import ServerConnection, full_name
from fairlift_cli.trust import show_checks

_KINDS = ("refund", "cancellation", "reopening", "correction")


def health_of(server: ServerConnection, campaign: str, *, language: str) -> pb.Health:
    """The checks of a campaign's data as of now; reading it makes no look."""
    request = pb.GetHealthRequest(name=full_name(campaign), language=language)
    health: pb.Health = server.call(server.results.GetHealth, request)
    return health


def show_health(screen: Screen, health: pb.Health, figures: Figures) -> None:
    """Prints each check with its sentence, and below them the amendments without effect."""
    show_checks(screen, figures, health, every=True)
    if not health.amendments:
        return
    screen.line()
    screen.line(figures.say("health.amendments_listed"), style="bold")
    for amendment in health.amendments:
        when = figures.moment(amendment.event_time)
        kind = _kind(figures, amendment.kind)
        line = f"{amendment.order_id}, {kind}, {when}: {amendment.sentence}"
        screen.line(line, indent=2, mark=screen.glyphs.bullet)


def _kind(figures: Figures, kind: str) -> str:
    """In the reader's language; a kind that only a newer server knows as it is."""
    return figures.say(f"health.kind_{kind}") if kind in _KINDS else kind
