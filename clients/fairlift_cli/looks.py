"""Every look that was ever shown: the log from which a verdict can be computed again."""

from collections.abc import Iterator
from datetime import UTC

from fairlift.v1 import results_service_pb2 as pb

from fairlift_cli.remote import Server, full_name
from fairlift_cli.screen import Screen, plain_table

_PAGE = 200


def every(server: Server, campaign: str, *, epoch: int = 0) -> Iterator[pb.Look]:
    """The looks of an epoch (0: the current one), oldest first."""
    request = pb.ListLooksRequest(name=full_name(campaign), page_size=_PAGE, epoch=epoch)
    while True:
        page = server.call(server.results.ListLooks, request)
        yield from page.looks
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def show(screen: Screen, looks: list[pb.Look]) -> None:
    """Prints one row for each look and comparison."""
    if not looks:
        screen.line("No look yet; the first comes with `fairlift results`.")
        return
    table = plain_table(
        ("Look", "right"), ("When (UTC)", "left"), ("Planned", "right"), ("Metric", "left"),
        ("Variant", "left"), ("z", "right"), ("Stops at", "right"), ("Verdict", "left"),
    )  # fmt: skip
    for look in looks:
        head = (
            str(look.number),
            look.look_time.ToDatetime(UTC).strftime("%Y-%m-%d %H:%M"),
            f"{look.information:.0%}",
        )
        verdict = pb.VerdictKind.Name(look.verdict).removeprefix("VERDICT_KIND_").lower()
        for index, each in enumerate(look.comparisons or [pb.Look.LookComparison()]):
            table.add_row(
                *(("", "", "") if index else head),
                screen.safe(each.metric),
                screen.safe(each.variant),
                f"{each.z:.2f}" if each.HasField("z") else "-",
                f"{each.boundary:.2f}" if each.HasField("boundary") else "-",
                "" if index else verdict.replace("_", " "),
            )
    screen.table(table)
