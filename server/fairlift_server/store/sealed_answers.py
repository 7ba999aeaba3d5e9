"""The answers that are kept of closed epochs, one each."""

from sqlalchemy import Connection, insert, select

from fairlift_server.store import tables

_COLUMNS = tables.kept_answers.c


def sealed_answer(connection: Connection, campaign: str, epoch: int) -> str | None:
    """What is kept of an epoch, as fairlift_server.results wrote it; None: nothing."""
    query = select(_COLUMNS.content).where(_COLUMNS.campaign == campaign, _COLUMNS.epoch == epoch)
    return connection.execute(query).scalar_one_or_none()


def add_sealed_answer(connection: Connection, campaign: str, epoch: int, content: str) -> None:
    """Keeps an answer; the first that is kept stays."""
    if sealed_answer(connection, campaign, epoch) is None:
        values = {"campaign": campaign, "epoch": epoch, "content": content}
        connection.execute(insert(tables.kept_answers).values(values))


def sealed_epochs(connection: Connection) -> set[tuple[str, int]]:
    """The campaigns and epochs that have one."""
    query = select(_COLUMNS.campaign, _COLUMNS.epoch)
    return {(row.campaign, row.epoch) for row in connection.execute(query)}
