"""Stored campaigns and their epochs, and what all campaigns of a shop share."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache

from fairlift.engine.campaign import Campaign, State
from fairlift.wire.campaign import campaign_from_bytes, campaign_to_bytes
from sqlalchemy import Connection, func, insert, select, tuple_, update

from fairlift_server.store import tables
from fairlift_server.store.locks import announce_change
from fairlift_server.store.statements import is_postgres


@dataclass(frozen=True, slots=True)
class Shop:
    """The settings that all campaigns of one database share."""

    currency_code: str
    holdout_bps: int
    holdout_salt: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """A period in which a campaign's variants, weights and audience did not change."""

    campaign: Campaign
    traffic_salt: str
    variants_salt: str


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(time_us: int) -> datetime:
    """The time, in UTC."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(
        microsecond=time_us % 1_000_000
    )


def current_shop(connection: Connection) -> Shop | None:
    """The shop; None in a new database."""
    row = connection.execute(select(tables.shop)).first()
    return None if row is None else Shop(row.currency_code, row.holdout_bps, row.holdout_salt)


def put_shop(connection: Connection, new: Shop) -> None:
    """Inserts the shop, or replaces it."""
    if current_shop(connection) is None:
        connection.execute(insert(tables.shop).values(id=1, **asdict(new)))
    else:
        connection.execute(update(tables.shop).values(**asdict(new)))


def shop_version(connection: Connection) -> int:
    """How often campaigns or the holdout were changed."""
    return int(connection.execute(select(tables.shop.c.version)).scalar_one())


def count_change(connection: Connection, changed: Collection[str]) -> None:
    """Counts a change of these campaigns, or of the holdout, and tells other servers of it."""
    shop = tables.shop
    version = connection.execute(
        update(shop).values(version=shop.c.version + 1).returning(shop.c.version)
    ).scalar_one()
    if changed:
        connection.execute(
            update(tables.campaigns)
            .where(tables.campaigns.c.id.in_(changed))
            .values(version=version)
        )
    announce_change(connection)


def changed_since(connection: Connection, version: int) -> list[str]:
    """The campaigns that were changed since the shop had this version."""
    query = select(tables.campaigns.c.id).where(tables.campaigns.c.version > version)
    return list(connection.execute(query).scalars())


def must_keep_currency(connection: Connection) -> bool:
    """Whether the ledger holds amounts in the shop's currency, or another server may store some."""
    return is_postgres(connection) or any(
        connection.execute(select(table.c.id).limit(1)).first() is not None
        for table in (tables.orders, tables.costs, tables.exchange_rates)
    )


def get(connection: Connection, campaign: str) -> Campaign | None:
    """The campaign with this id; None if there is no such campaign."""
    query = select(tables.campaigns.c.message).where(tables.campaigns.c.id == campaign)
    message = connection.execute(query).scalar()
    return None if message is None else campaign_from_bytes(message)


def listed(
    connection: Connection, *, states: Iterable[State], after: str = "", limit: int | None = None
) -> list[Campaign]:
    """Campaigns in these states, ordered by id, starting after the id `after`."""
    query = (
        select(tables.campaigns.c.message)
        .where(tables.campaigns.c.state.in_([state.value for state in states]))
        .where(tables.campaigns.c.id > after)
        .order_by(tables.campaigns.c.id)
        .limit(limit)
    )
    return [_known(message) for message in connection.execute(query).scalars()]


# Messages of campaigns are read again and again: a thousand campaigns, now and as they began.
_known = lru_cache(maxsize=2_000)(campaign_from_bytes)


def message_sizes(connection: Connection, campaign: str | None = None) -> dict[str, int]:
    """Bytes of the stored message of one campaign, or of all, by id."""
    query = select(tables.campaigns.c.id, func.length(tables.campaigns.c.message))
    if campaign is not None:
        query = query.where(tables.campaigns.c.id == campaign)
    return {row[0]: row[1] for row in connection.execute(query)}


def add(connection: Connection, campaign: Campaign) -> None:
    """Inserts a new campaign."""
    connection.execute(
        insert(tables.campaigns).values(
            id=campaign.id,
            state=campaign.lifecycle.state.value,
            message=campaign_to_bytes(campaign),
        )
    )


def replace(connection: Connection, campaign: Campaign) -> None:
    """Replaces the campaign that has the same id."""
    connection.execute(
        update(tables.campaigns)
        .where(tables.campaigns.c.id == campaign.id)
        .values(state=campaign.lifecycle.state.value, message=campaign_to_bytes(campaign))
    )


def add_epoch(connection: Connection, epoch: Epoch) -> None:
    """Inserts an epoch, with the campaign as it is when the epoch starts."""
    connection.execute(
        insert(tables.epochs).values(
            campaign=epoch.campaign.id,
            epoch=epoch.campaign.lifecycle.epoch,
            message=campaign_to_bytes(epoch.campaign),
            traffic_salt=epoch.traffic_salt,
            variants_salt=epoch.variants_salt,
        )
    )


def epochs_of(connection: Connection, campaign: str | None = None) -> dict[str, dict[int, Epoch]]:
    """The epochs of one campaign, or of all, by campaign and number."""
    query = select(tables.epochs).order_by(tables.epochs.c.epoch)
    if campaign is not None:
        query = query.where(tables.epochs.c.campaign == campaign)
    epochs: dict[str, dict[int, Epoch]] = {}
    for row in connection.execute(query):
        epoch = Epoch(campaign_from_bytes(row.message), row.traffic_salt, row.variants_salt)
        epochs.setdefault(row.campaign, {})[row.epoch] = epoch
    return epochs


def begun_as(
    connection: Connection, epochs: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Campaign]:
    """By campaign and epoch, the campaign as it was when the epoch began."""
    table = tables.epochs.c
    query = select(table.campaign, table.epoch, table.message).where(
        tuple_(table.campaign, table.epoch).in_(epochs)
    )
    return {(row.campaign, row.epoch): _known(row.message) for row in connection.execute(query)}


def layer_salts(connection: Connection) -> dict[str, str]:
    """The salt of every layer."""
    return {row.layer: row.salt for row in connection.execute(select(tables.layers))}


def add_layer(connection: Connection, layer: str, salt: str) -> None:
    """Inserts the salt of a new layer; it never changes."""
    connection.execute(insert(tables.layers).values(layer=layer, salt=salt))
