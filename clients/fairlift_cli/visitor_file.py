"""Reads visitors with their attributes from a CSV file, to count what a change does to them."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fairlift.engine.attribute_values import AttributeValue
from fairlift.engine.campaign import AttributeType

from fairlift_cli.campaign_files import reason_not_to_read
from fairlift_cli.failures import Misused

_BOOLS = {"true": True, "false": False}
_LIST_SEPARATOR = "|"
MAX_ROWS = 5_000_000


@dataclass(frozen=True, slots=True)
class FileVisitor:
    """One row: the ids, empty where the file has none, and the attributes as texts."""

    visitor: str
    customer: str
    attributes: Mapping[str, str]


def file_visitors(path: Path) -> Iterator[FileVisitor]:
    """The rows of the file, whose header names `visitor`, `customer`, and the attributes.

    Raises:
        Misused: the file is no such CSV file.
    """
    if reason_not_to_read(path):
        raise Misused(f"{path}: is not a plain file; write the visitors to one")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = rows.fieldnames or []
            if "visitor" not in columns and "customer" not in columns:
                raise Misused(f"{path}:1: has no column visitor or customer; name one in line 1")
            if len(set(columns)) < len(columns):
                raise Misused(f"{path}:1: names a column twice")
            for number, row in enumerate(rows):
                if number >= MAX_ROWS:
                    raise Misused(f"{path}: has more than {MAX_ROWS:,} rows; give a sample")
                if None in row or None in row.values():
                    message = f"must have {len(columns)} cells, as line 1 has"
                    raise Misused(f"{path}:{rows.line_num}: {message}")
                visitor, customer = row.pop("visitor", ""), row.pop("customer", "")
                yield FileVisitor(visitor, customer, {k: v for k, v in row.items() if v != ""})
    except UnicodeDecodeError:
        raise Misused(f"{path}: is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise Misused(f"{path}: is not CSV: {error}") from None


def typed_attributes(
    texts: Mapping[str, str], declared: Mapping[str, AttributeType]
) -> dict[str, AttributeValue]:
    """The attributes by their declared types; undeclared ones as they look.

    A value that is not of its type is a missing attribute, as for a storefront.
    """
    typed = {name: _value(text, declared.get(name)) for name, text in texts.items()}
    return {name: value for name, value in typed.items() if value is not None}


def _value(text: str, declared: AttributeType | None) -> AttributeValue | None:
    match declared:
        case AttributeType.STRING | AttributeType.VERSION:
            return text
        case AttributeType.LIST:
            return tuple(text.split(_LIST_SEPARATOR))
        case AttributeType.BOOL:
            return _BOOLS.get(text.lower())
        case AttributeType.NUMBER:
            return _number(text)
        case AttributeType.TIME:
            return _time(text)
    if text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
