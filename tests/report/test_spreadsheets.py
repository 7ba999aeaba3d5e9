"""Cells of spreadsheets: every kind of value, and texts that would be formulas."""

import csv
import io
import zipfile
from xml.etree import ElementTree

import pytest
from fairlift_report.spreadsheets import SheetRow, csv_table, harmless, workbook

ROW: SheetRow = {
    "text": "=1+1",
    "yes": True,
    "no": False,
    "number": -0.1,
    "count": 10**12,
    "none": None,
}
COLUMNS = (*ROW, "missing")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\0x"])
def test_a_formula_becomes_a_text(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("cell", ["a=1", "", " x", 0, -1.5, True, None])
def test_what_is_none_stays_as_it_is(cell: "str | float | None") -> None:
    assert harmless(cell) is cell


def test_a_table_as_csv() -> None:
    table = csv_table(COLUMNS, [ROW])

    assert list(csv.reader(io.StringIO(table, newline=""))) == [
        list(COLUMNS),
        ["'=1+1", "true", "false", "-0.1", "1000000000000", "", ""],
    ]


def test_a_table_as_a_workbook() -> None:
    content = workbook({"one": (COLUMNS, [ROW]), "two": (("x",), [])})

    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [name for name in file.namelist() if "worksheets/sheet" in name]
        root = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
        strings = file.read("xl/sharedStrings.xml").decode()
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    _, row = root.iter(f"{space}row")
    kinds = {cell.get("r"): (cell.get("t"), cell.findtext(f"{space}v")) for cell in row}
    assert len(names) == 2
    assert kinds["A2"][0] == "s"
    assert "<t>'=1+1</t>" in strings
    assert kinds["B2"] == ("b", "1")
    assert kinds["C2"] == ("b", "0")
    assert kinds["D2"] == (None, "-0.1")
    assert kinds["E2"] == (None, "1000000000000")
    assert "F2" not in kinds
    assert not list(root.iter(f"{space}f"))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0d"])
@pytest.mark.parametrize("before", [";", "a;", "a; ", 'a;"', "a\t", "a\n", ";;"])
def test_no_cell_is_a_formula_where_semicolons_part_cells(before: str, sign: str) -> None:
    text = csv_table(["name", "value"], [{"name": f"{before}{sign}1+1;x", "value": 1}])

    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            assert not [cell for cell in row if cell.strip(' "').startswith(sign)], (separator, row)
