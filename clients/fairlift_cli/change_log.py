"""The `log` command: who changed what, when and why."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC

from fairlift.v1.admin_service_pb2 import ListAuditRequest
from fairlift.v1.campaign_service_pb2 import Change, FieldChange, ListChangesRequest

from fairlift_cli.change_words import field_in_words, name_in_files
from fairlift_cli.failures import CommandRefused
from fairlift_cli.screen import Screen, plain_table
from fairlift_cli.server_connection import ServerConnection, full_name

_FIELDS_SHOWN = 4
_LONGEST_VALUE = 200
_ALL = "-"


# Where everything cannot be read, the histories of campaigns can: a token of another role than
# admin, or an older server.
_NOT_ALL = ("PERMISSION_DENIED", "UNIMPLEMENTED")


def newest_changes(server: ServerConnection, campaign: str | None, *, limit: int) -> list[Change]:
    """The newest changes first: of one campaign, or of everything that this token may read."""
    if campaign is not None:
        newest = deque(_changes(server, full_name(campaign)), maxlen=limit)
    else:
        try:
            newest = deque(_everything(server), maxlen=limit)
        except CommandRefused as refused:
            if refused.code not in _NOT_ALL:
                raise
            newest = deque(_changes(server, full_name(_ALL)), maxlen=limit)
    return list(reversed(newest))


def show_log(screen: Screen, changes: Iterable[Change]) -> None:
    """Prints a row for each change, then the fields that changed, with their values."""
    changes = list(changes)
    if not changes:
        screen.line("Nothing has been changed yet.")
        return
    table = plain_table(
        ("When (UTC)", "left"),
        ("Who", "left"),
        ("Changed", "left"),
        ("What", "left"),
        ("Why", "left"),
    )
    for column in table.columns[:3]:
        column.no_wrap = True
    for change in changes:
        cells = (_changed(change), _what(change), change.reason)
        table.add_row(
            _when(change),
            screen.safe(_who(change)),
            *(screen.safe(cell) for cell in cells),
        )
    screen.table(table)
    for change in changes:
        if fields := _fields(change):
            screen.line()
            screen.line(f"{_when(change)} {_changed(change)}", style="bold")
            for each in fields:
                screen.line(field_in_words(screen, each, longest=_LONGEST_VALUE), indent=2)


def _everything(server: ServerConnection) -> Iterator[Change]:
    for page in server.pages(server.admin.ListAudit, ListAuditRequest()):
        yield from page.changes


def _changes(server: ServerConnection, name: str) -> Iterator[Change]:
    for page in server.pages(server.campaigns.ListChanges, ListChangesRequest(name=name)):
        yield from page.changes


def _who(change: Change) -> str:
    """The person if the caller said so, else the token; an open server knows no token."""
    return change.user or change.author.removeprefix("tokens/") or "-"


def _when(change: Change) -> str:
    return change.change_time.ToDatetime(UTC).strftime("%Y-%m-%d %H:%M")


def _changed(change: Change) -> str:
    return change.resource.removeprefix("campaigns/")


def _what(change: Change) -> str:
    fields = [name_in_files(each) for each in _fields(change)]
    more = f" and {len(fields) - _FIELDS_SHOWN} more" if len(fields) > _FIELDS_SHOWN else ""
    listed = f": {', '.join(fields[:_FIELDS_SHOWN])}{more}" if fields else ""
    epoch = f" (epoch {change.epoch})" if change.epoch > 1 else ""
    return f"{change.verb}{listed}{epoch}"


def _fields(change: Change) -> list[FieldChange]:
    """All that changed but the state, which the verb says."""
    return [each for each in change.changes if each.field != "state"]
