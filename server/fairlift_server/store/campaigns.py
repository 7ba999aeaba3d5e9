"""Campaigns, their epochs and their history."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.change import ChangeClass, FieldChange
from fairlift.wire.campaign import campaign_from_bytes, campaign_to_bytes
from sqlalchemy import Connection, func, insert, select, update

from fairlift_server.store import tables


@dataclass(frozen=True, slots=True)
class Shop:
    """What holds for everything in one database."""

    currency_code: str
    holdout_bps: int
    holdout_salt: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """A stretch of a campaign's life in which its variants, weights and audience stayed."""

    campaign: Campaign
    traffic_salt: str
    variants_salt: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a campaign's history."""

    id: int
    campaign: str
    time: datetime
    author: str
    verb: str
    epoch: int
    fields: tuple[FieldChange, ...]
    reason: str


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(time_us: int) -> datetime:
    """The time, in UTC."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(
        microsecond=time_us % 1_000_000
    )


def shop(connection: Connection) -> Shop | None:
    """The shop; None in a new database."""
    row = connection.execute(select(tables.shop)).first()
    return None if row is None else Shop(row.currency_code, row.holdout_bps, row.holdout_salt)


def put_shop(connection: Connection, new: Shop) -> None:
    """Keeps the shop in place of what was kept."""
    if shop(connection) is None:
        connection.execute(insert(tables.shop).values(id=1, **asdict(new)))
    else:
        connection.execute(update(tables.shop).values(**asdict(new)))


def holds_money(connection: Connection) -> bool:
    """Whether the ledger holds amounts in the shop's currency."""
    return any(
        connection.execute(select(table.c.id).limit(1)).first() is not None
        for table in (tables.orders, tables.costs, tables.exchange_rates)
    )


def get(connection: Connection, campaign: str) -> Campaign | None:
    """The campaign of this id."""
    query = select(tables.campaigns.c.message).where(tables.campaigns.c.id == campaign)
    found = connection.execute(query).scalar()
    return None if found is None else campaign_from_bytes(found)


def listed(
    connection: Connection, *, states: Iterable[State], after: str = "", limit: int | None = None
) -> list[Campaign]:
    """Campaigns in these states, by id, from the first id above `after`."""
    query = (
        select(tables.campaigns.c.message)
        .where(tables.campaigns.c.state.in_([state.value for state in states]))
        .where(tables.campaigns.c.id > after)
        .order_by(tables.campaigns.c.id)
        .limit(limit)
    )
    return [campaign_from_bytes(message) for message in connection.execute(query).scalars()]


def add(connection: Connection, campaign: Campaign) -> None:
    """Keeps a new campaign."""
    connection.execute(
        insert(tables.campaigns).values(
            id=campaign.id,
            state=campaign.lifecycle.state.value,
            message=campaign_to_bytes(campaign),
        )
    )


def replace(connection: Connection, campaign: Campaign) -> None:
    """Keeps the campaign in place of the one of its id."""
    connection.execute(
        update(tables.campaigns)
        .where(tables.campaigns.c.id == campaign.id)
        .values(state=campaign.lifecycle.state.value, message=campaign_to_bytes(campaign))
    )


def add_epoch(connection: Connection, epoch: Epoch) -> None:
    """Keeps the beginning of an epoch."""
    connection.execute(
        insert(tables.epochs).values(
            campaign=epoch.campaign.id,
            epoch=epoch.campaign.lifecycle.epoch,
            message=campaign_to_bytes(epoch.campaign),
            traffic_salt=epoch.traffic_salt,
            variants_salt=epoch.variants_salt,
        )
    )


def epochs(connection: Connection, campaign: str | None = None) -> dict[str, dict[int, Epoch]]:
    """The epochs of one campaign, or of all, by campaign and number."""
    query = select(tables.epochs).order_by(tables.epochs.c.epoch)
    if campaign is not None:
        query = query.where(tables.epochs.c.campaign == campaign)
    found: dict[str, dict[int, Epoch]] = {}
    for row in connection.execute(query):
        epoch = Epoch(campaign_from_bytes(row.message), row.traffic_salt, row.variants_salt)
        found.setdefault(row.campaign, {})[row.epoch] = epoch
    return found


def layer_salts(connection: Connection) -> dict[str, str]:
    """The salt of every layer."""
    return {row.layer: row.salt for row in connection.execute(select(tables.layers))}


def add_layer(connection: Connection, layer: str, salt: str) -> None:
    """Keeps the salt of a new layer, which never changes."""
    connection.execute(insert(tables.layers).values(layer=layer, salt=salt))


def add_change(
    connection: Connection,
    campaign: Campaign,
    *,
    verb: str,
    time: datetime,
    author: str,
    fields: Sequence[FieldChange] = (),
    reason: str = "",
) -> None:
    """Writes into the campaign's history what was done to it."""
    connection.execute(
        insert(tables.changes).values(
            campaign=campaign.id,
            time_us=microseconds(time),
            author=author,
            verb=verb,
            epoch=campaign.lifecycle.epoch,
            fields=json.dumps([asdict(field) for field in fields], ensure_ascii=False),
            reason=reason,
        )
    )


def changes(connection: Connection, campaign: str, *, after: int, limit: int) -> list[Change]:
    """The campaign's history, oldest first, from the first entry after `after`."""
    query = (
        select(tables.changes)
        .where(tables.changes.c.campaign == campaign, tables.changes.c.id > after)
        .order_by(tables.changes.c.id)
        .limit(limit)
    )
    return [
        Change(
            row.id,
            row.campaign,
            moment(row.time_us),
            row.author,
            row.verb,
            row.epoch,
            tuple(map(_field_change, json.loads(row.fields))),
            row.reason,
        )
        for row in connection.execute(query)
    ]


def count(connection: Connection) -> int:
    """How many campaigns there are, the archived too."""
    return connection.execute(select(func.count()).select_from(tables.campaigns)).scalar_one()


def _field_change(fields: dict[str, str]) -> FieldChange:
    change_class = ChangeClass(int(fields["change_class"]))
    return FieldChange(
        fields["field"], fields["before"], fields["after"], change_class, fields["reason"]
    )
