"""Files that are no text yet, or another text than the mapping says, are called by their kind."""

from pathlib import Path

import pytest

from tests.server.importing.files import HEADER, imported, rows, written
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


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "sep=|", "sep=\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_first_line_that_names_the_separator_is_followed(
    tmp_path: Path, first: str, end: str
) -> None:
    """Excel writes it; the mapping says that there are commas."""
    separator = first.strip('"')[-1]
    bad = GOOD.replace("o-1", "o-3").replace("19.99", "much")
    broken = GOOD.replace("o-1", "o-2").replace("shoe", '"sh\noe"')
    lines = (line.replace(",", separator) for line in (HEADER, GOOD, broken, bad))
    file = tmp_path / "a.csv"
    file.write_bytes(end.join([first, *lines]).replace("sh\r\noe", "sh\noe").encode())

    tally = imported(tmp_path, file)

    assert tally.taken == 1
    # Lines of the file, as an editor shows them: a product's name is on two.
    assert sorted(line for group in tally.refused.values() for line in group.first) == [4, 6]


def test_a_line_that_cannot_be_read_below_the_separator_s_has_its_own_number(
    tmp_path: Path,
) -> None:
    file = written(tmp_path / "a.csv", "sep=,", HEADER, GOOD, "o-2,v-1")

    assert ": line 4 has 2 columns, the line of their names has 7" in orders(tmp_path, file)


def test_no_other_separator_is_proposed_than_the_one_in_the_file(tmp_path: Path) -> None:
    line = orders(tmp_path, written(tmp_path / "a.csv", "sep=;", HEADER, GOOD))

    assert "needs the column 'order'" in line
    assert "delimiter" not in line


@pytest.mark.parametrize(("first", "row"), [("sep=", "x"), ("sep=;;", "x"), ("sep=;,a", "x,y")])
def test_a_first_line_of_another_form_names_columns(tmp_path: Path, first: str, row: str) -> None:
    line = orders(tmp_path, written(tmp_path / "a.csv", first, row))

    assert "needs the column 'order'" in line
