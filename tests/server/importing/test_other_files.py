"""Files that are no text yet, or another text than the mapping says, are called by their kind."""

from pathlib import Path

import pytest

from tests.server.importing.files import HEADER, imported, rows
from tests.server.importing.test_bad_input import GOOD, orders


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "is a workbook of a spreadsheet, or a zip file; save"),
        (b"\x1f\x8b\x08\x00", "is compressed; unpack it first"),
        (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "is text in UTF-16; set `encoding: utf-16`"),
        (f"{HEADER}\r{GOOD}\r".encode(), "its lines end with a carriage return alone; save it"),
    ],
)
def test_files_of_another_kind_are_called_by_it(tmp_path: Path, start: bytes, says: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(start)

    assert says in orders(tmp_path, file)


def test_a_text_in_utf_16_is_read_where_the_mapping_says_so(tmp_path: Path) -> None:
    file, mapping = tmp_path / "a.csv", tmp_path / "map.yaml"
    file.write_bytes(f"{HEADER}\r\n{GOOD}\r\n".replace("shoe", "café €").encode("utf-16"))
    fields = "".join(f"    {name}: {name}\n" for name in HEADER.split(","))
    mapping.write_text(f"file: {{encoding: utf-16}}\norders:\n  fields:\n{fields}")

    imported(tmp_path, file, mapping=str(mapping))

    assert rows(tmp_path, "SELECT product_id FROM order_lines") == [("café €",)]
