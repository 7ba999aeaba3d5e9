"""Takes the rows of visitors out of an export who were erased from the ledger since.

Other rows that the ledger no longer has stay: retention removes old days there, and the export is
where they are kept.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fairlift_server.analysis.attached_ledger import quoted
from fairlift_server.events.numbered_rows import ROW_KEYS
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.lake.ledger import LedgerReader
from fairlift_server.lake.manifest import Erasures, LakeFile, LakeManifest
from fairlift_server.lake.tables import TABLES
from fairlift_server.lake.watermark import Mark, is_known
from fairlift_server.lake.writing import Written, described, parquet_of

# Visitors and customers who were erased, as the tables name them; older databases have none.
_ERASED: Final = "erased_units"
_UNITS: Final = "(SELECT unit FROM erased)"
_ORDERS: Final = "(SELECT order_id FROM erased_orders)"
# Which rows `f` of a table are theirs; costs and rates are nobody's.
_OF_ERASED: Final = {
    "exposures": f"f.unit IN {_UNITS}",
    "actions": f"f.unit IN {_UNITS}",
    "orders": f"f.order_id IN {_ORDERS}",
    "order_lines": f"f.order_id IN {_ORDERS}",
    "amendments": f"f.order_id IN {_ORDERS}",
    "customer_attributes": f"f.unit IN {_UNITS}",
    "identity_links": f"(f.visitor IN {_UNITS} OR f.customer IN {_UNITS})",
}

_UNIT_COLUMNS: Final = (
    ("exposures", "unit"),
    ("actions", "unit"),
    ("orders", "unit"),
    ("customer_attributes", "unit"),
    ("identity_links", "visitor"),
    ("identity_links", "customer"),
)
_ORDER_COLUMNS: Final = (("orders", "order_id"), ("amendments", "order_id"))


def erasures(ledger: LedgerReader) -> Erasures:
    """What was erased from the ledger so far."""
    if not ledger.has_table(_ERASED):
        return Erasures()
    ((units, last_us),) = ledger.ask(
        f"SELECT count(*) AS units, coalesce(max(time_us), 0) AS last_us FROM {_ERASED}"
    )
    return Erasures(int(units), int(last_us))


def without_erased(
    ledger: LedgerReader, manifest: LakeManifest, folder: Path, scratch: Path, version: int
) -> tuple[LakeManifest, list[Written]]:
    """The export without rows of erased visitors, and the files that are new for that.

    Args:
        ledger: as it is now.
        manifest: of the export so far.
        folder: of the export.
        scratch: for new files.
        version: becomes part of their names; their rows keep their versions.
    """
    _note_erased(ledger, {table: manifest.paths(folder, table) for table in TABLES})
    watermark = dict(manifest.watermark)
    unchanged: list[LakeFile] = []
    new: list[Written] = []
    for table, mark in manifest.watermark.items():
        if not is_known(ledger, table, mark):
            watermark[table] = _last_known(ledger, table, manifest.paths(folder, table))
    for table in TABLES:
        gone = _OF_ERASED.get(table, "false")
        if table in watermark and watermark[table] != manifest.watermark[table]:
            # Older versions on SQLite gave the ids of erased last rows again.
            gone = f"({gone} OR f.id > {watermark[table].id})"
        touched = _touched(ledger, manifest.paths(folder, table), gone)
        for file in (file for file in manifest.files if file.table == table):
            path = folder / file.path
            if str(path) not in touched:
                unchanged.append(file)
            elif touched[str(path)]:
                name = f"{file.version}-{len(new)}-erased"
                written = scratch / f"{table}-{name}.parquet"
                rows = f"SELECT * EXCLUDE (filename) FROM {parquet_of([str(path)])} f"
                ledger.connection.execute(
                    f"COPY ({rows} WHERE NOT {gone}) TO {quoted(str(written))} "
                    "(FORMAT parquet, COMPRESSION zstd)"
                )
                made = described(ledger, written, table, file.day, version, name)
                new.append((written, replace(made, version=file.version)))
    files = (*unchanged, *(file for _, file in new))
    return replace(manifest, files=files, watermark=watermark), new


def _note_erased(ledger: LedgerReader, files: Mapping[str, list[str]]) -> None:
    """Makes tables of who was erased, and of their orders in any version."""
    _note_units(ledger, files)
    theirs = set[str]()
    if files["orders"]:
        named = f"SELECT order_id FROM {parquet_of(files['orders'])} f WHERE f.unit IN {_UNITS}"
        theirs.update(order for (order,) in ledger.connection.execute(named).fetchall())
    # An order may name somebody only in what it said before a correction: it has a tombstone.
    hashes = {h for (h,) in ledger.ask(f"SELECT hash FROM {_ERASED} WHERE kind = 'order'")}
    if hashes:
        ids = _ids_of(ledger)
        theirs.update(
            order
            for order in _values_in(ledger, files, _ORDER_COLUMNS)
            if ids.order_tombstone(order) in hashes
        )
    _make_table(ledger, "erased_orders", "order_id", theirs)


def _note_units(ledger: LedgerReader, files: Mapping[str, list[str]]) -> None:
    """Makes a table of the erased units, as the files name them."""
    units = {h for (h,) in ledger.ask(f"SELECT hash FROM {_ERASED} WHERE kind = 'unit'")}
    ids = _ids_of(ledger)
    if not ids.is_keyed:
        # Of a raw id a salted hash is all that stays: every id in the files is hashed likewise.
        values = _values_in(ledger, files, _UNIT_COLUMNS)
        units = {unit for unit in values if ids.tombstone(unit) in units}
    _make_table(ledger, "erased", "unit", units)


def _ids_of(ledger: LedgerReader) -> UnitIds:
    """What makes tombstones; it stores no ids."""
    ((form, salt),) = ledger.ask("SELECT form, salt FROM stored_ids")
    return UnitIds(None if form == "raw" else b"", salt=bytes.fromhex(salt))


def _values_in(
    ledger: LedgerReader, files: Mapping[str, list[str]], columns: Sequence[tuple[str, str]]
) -> list[str]:
    """All values of some tables' columns in the files."""
    parts = [
        f"SELECT {column} FROM {parquet_of(files[table])}"
        for table, column in columns
        if files[table]
    ]
    if not parts:
        return []
    return [value for (value,) in ledger.connection.execute(" UNION ".join(parts)).fetchall()]


def _make_table(ledger: LedgerReader, name: str, column: str, values: Collection[str]) -> None:
    ledger.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT unnest(CAST(? AS VARCHAR[])) AS {column}",
        [sorted(values)],
    )


def _touched(ledger: LedgerReader, paths: list[str], gone: str) -> dict[str, bool]:
    """The files with rows that must go, and whether they have others."""
    if not paths:
        return {}
    return dict(
        ledger.connection.execute(
            f"SELECT filename, NOT bool_and(gone) FROM (SELECT filename, {gone} AS gone "
            f"FROM {parquet_of(paths)} f) GROUP BY filename HAVING bool_or(gone)"
        ).fetchall()
    )


def _last_known(ledger: LedgerReader, table: str, paths: list[str]) -> Mark:
    """The last row of a table that was exported and is still in the ledger.

    Of changed orders there are no files: all that were ever changed are written again.
    """
    if not paths:
        return Mark()
    column = ROW_KEYS[table]
    key = ledger.dialect.key(column)
    kept = ledger.source(f"SELECT id, {key} AS row_key FROM {table}")
    written = "row_key" if column == "order_id" else "CAST(CAST(row_key AS UUID) AS VARCHAR)"
    there = f"(f.id, f.{column}) IN (SELECT (CAST(id AS BIGINT), {written}) FROM {kept})"
    ((last,),) = ledger.connection.execute(
        f"SELECT coalesce(max(f.id), 0) FROM {parquet_of(paths)} f WHERE {there}"
    ).fetchall()
    rows = ledger.ask(f"SELECT {key} AS row_key FROM {table} WHERE id = {last}")
    return Mark(last, rows[0][0]) if rows else Mark()
