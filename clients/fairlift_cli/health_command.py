"""The `health` command: whether the data can be trusted, and which amendments change nothing."""

from fairlift.v1 import results_service_pb2 as pb
from rich.text import Text

from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import ServerConnection, full_name


def health_of(server: ServerConnection, campaign: str, *, language: str) -> pb.Health:
    """The checks of a campaign's data as of now; reading it makes no look."""
    request = pb.GetHealthRequest(name=full_name(campaign), language=language)
    health: pb.Health = server.call(server.results.GetHealth, request)
    return health


def show_health(screen: Screen, health: pb.Health, figures: Figures) -> None:
    """Prints each check with its sentence, and below them the amendments without effect."""
    glyphs = screen.glyphs
    marks = {
        pb.HEALTH_STATUS_OK: (glyphs.ok, "green"),
        pb.HEALTH_STATUS_WARNING: (glyphs.warning, "yellow"),
        pb.HEALTH_STATUS_BROKEN: (glyphs.broken, "red"),
    }
    screen.line(figures.say("report.health"), style="bold")
    for check in health.checks:
        mark, style = marks.get(check.status, ("?", ""))
        sentence = check.sentence or check.name.replace("_", " ")
        screen.marked(Text(mark, style=style), sentence, indent=2)
    if not health.amendments:
        return
    screen.line()
    screen.line(figures.say("health.amendments_listed"), style="bold")
    for amendment in health.amendments:
        when = figures.moment(amendment.event_time)
        name = f"{amendment.order_id}, {amendment.kind}, {when}: {amendment.sentence}"
        screen.line(name, indent=2, mark=glyphs.bullet)
