"""Files of a shop's customers, and their import into a database of either kind."""

from datetime import UTC, datetime
from pathlib import Path

from fairlift_server.campaigns.shop_currency import set_currency
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.importing.session import ImportRules, ImportSession
from fairlift_server.importing.tally import Tally
from fairlift_server.store.database import Store

MAPPING = """
customers:
  fields: {customer: id, time: since, attributes: {tier: tier, country: country}}
"""
HEADER = "id,since,tier,country"


def customers_imported(
    database: str, folder: Path, *lines: str, key: bytes | None = None, now: datetime | None = None
) -> Tally:
    """Imports lines below `HEADER`; ids are stored raw where there is no key."""
    file, mapping = folder / "customers.csv", folder / "customers.yaml"
    file.write_text("".join(f"{line}\n" for line in (HEADER, *lines)))
    mapping.write_text(MAPPING)
    store = Store(database)
    try:
        store.migrate(lambda transaction: set_currency(transaction, "EUR"))
        rules = ImportRules("EUR", 400, ParkingLimits(1_000, 30))
        ids = UnitIds(key, salt=b"")
        session = ImportSession(store, rules, now or datetime.now(UTC), ids)
        with session.file(file, "customers", read_mapping(str(mapping), "customers")) as opened:
            opened.run(lambda _: True)
            return opened.tally
    finally:
        store.close()
