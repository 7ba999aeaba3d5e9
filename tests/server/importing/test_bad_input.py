"""Files and mappings that are wrong: one clear sentence each, and nothing half done."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fairlift.engine.errors import InvalidRequest, WrongState
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.importing.rows import mapped_rows
from fairlift_server.importing.source import SourceFile

from tests.databases import ON_POSTGRES, sqlite_only
from tests.server.importing.files import (
    HEADER,
    command,
    environment,
    imported,
    order_lines,
    rows,
    written,
)

GOOD = "o-1,v-1,2026-11-20T10:00:00Z,EUR,shoe,1,19.99"
HUGE = 1_000_000_000

pytestmark = sqlite_only


def refused(folder: Path, *arguments: str | Path) -> str:
    """The one sentence of an import that exits with 2; the ledger is empty then."""
    done = command(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if ON_POSTGRES or (folder / "shop.db").exists():
        assert rows(folder, "SELECT count(*) FROM seen_events") == [(0,)]
    (line,) = done.stderr.splitlines()
    return line


def orders(folder: Path, file: Path, mapping: str | Path = "generic") -> str:
    return refused(folder, file, "--as", "orders", "--map", mapping)


def test_files_that_are_none(tmp_path: Path) -> None:
    empty, folder = tmp_path / "empty.csv", tmp_path / "folder"
    empty.touch()
    folder.mkdir()
    assert orders(tmp_path, empty).endswith("empty.csv is empty")
    assert orders(tmp_path, folder).endswith("folder is a folder; name the files in it")
    assert orders(tmp_path, tmp_path / "none.csv").endswith("none.csv")
    # Nor is another one begun that stands before it.
    good = written(tmp_path / "good.csv", HEADER, GOOD)
    refused(tmp_path, good, tmp_path / "none.csv", "--as", "orders", "--map", "generic")
    assert not (tmp_path / "shop.db").exists()


def test_the_wrong_separator(tmp_path: Path) -> None:
    lines = [line.replace(",", ";") for line in (HEADER, GOOD)]
    line = orders(tmp_path, written(tmp_path / "a.csv", *lines))
    assert "needs the column 'order'" in line
    assert "set `delimiter: ';'` in the mapping's `file`" in line


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_separators_line_ends_and_byte_order_marks(
    tmp_path: Path, separator: str, end: str, mark: bytes
) -> None:
    text = end.join(line.replace(",", separator) for line in (HEADER, GOOD))
    file, mapping = tmp_path / "a.csv", tmp_path / "map.yaml"
    file.write_bytes(mark + text.encode())
    fields = "".join(f"    {name}: {name}\n" for name in HEADER.split(","))
    mapping.write_text(f'file: {{delimiter: "{separator}"}}\norders:\n  fields:\n{fields}')
    if separator == "\t":
        mapping.write_text(mapping.read_text().replace("\t", "\\t"))

    assert imported(tmp_path, file, mapping=str(mapping)).taken == 1


def test_windows_1252(tmp_path: Path) -> None:
    file, mapping = tmp_path / "a.csv", tmp_path / "map.yaml"
    file.write_bytes(f"{HEADER}\n{GOOD}\n{GOOD}\n".replace("shoe", "café €").encode("cp1252"))

    line = orders(tmp_path, file)
    fields = "".join(f"    {name}: {name}\n" for name in HEADER.split(","))
    mapping.write_text(f"file: {{encoding: windows-1252}}\norders:\n  fields:\n{fields}")
    imported(tmp_path, file, mapping=str(mapping))

    assert "is no utf-8 text: line 2 holds bytes that utf-8 does not have" in line
    assert "`encoding: windows-1252`" in line
    assert rows(tmp_path, "SELECT DISTINCT product_id FROM order_lines") == [("café €",)]


@pytest.mark.parametrize("after", [0, 200_000])
def test_quotes_that_are_not_closed(tmp_path: Path, after: int) -> None:
    lines = [HEADER, GOOD, GOOD.replace("shoe", '"shoe'), *list(order_lines(after))]
    line = orders(tmp_path, written(tmp_path / "a.csv", *lines))
    assert "quot" in line
    if not after:
        assert ": line 3 opens a quotation mark and does not close it" in line


def test_rows_with_too_many_or_too_few_columns(tmp_path: Path) -> None:
    for name, bad in (("more", f"{GOOD},x"), ("less", "o-2,v-1")):
        line = orders(tmp_path, written(tmp_path / f"{name}.csv", HEADER, GOOD, bad, GOOD))
        assert ": line 3 has " in line
        assert "columns, the line of their names has 7" in line


def test_a_line_of_a_gigabyte_takes_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with file.open("wb") as opened:
        opened.write(f"{HEADER}\n{GOOD}\n".encode())
        # A hole in the file would be null characters.
        for _ in range(HUGE // 1_000_000):
            opened.write(b"x" * 1_000_000)
    # In a process of its own: what is measured is the largest of all its children.
    program = (
        "import resource, subprocess, sys; "
        "done = subprocess.run(sys.argv[1:], capture_output=True); "
        "print(done.stderr.decode(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    arguments = ["import", str(file), "--as", "orders", "--map", "generic"]
    measured = subprocess.run(
        [sys.executable, "-c", program, sys.executable, "-m", "fairlift_server", *arguments],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    file.unlink()
    said, _, kilobytes = measured.stdout.rpartition(" ")
    assert ": line 3 has more than 2,000,000 characters" in said
    assert int(kilobytes) < 400 * 1024


def test_what_is_no_text_no_parquet_and_no_json(tmp_path: Path) -> None:
    zeros, parquet, cut = (tmp_path / name for name in ("a.csv", "a.parquet", "b.parquet"))
    zeros.write_bytes(b"order,unit\n1,a\n2,b\0c\n")
    parquet.write_text("no parquet at all")
    cut.write_bytes(b"PAR1" + bytes(100))
    broken = written(tmp_path / "a.jsonl", '{"order": "1"}', '{"order": "2"}', '{"order": ', "{}")
    assert ": line 3 holds a null character" in orders(tmp_path, zeros)
    assert "is no Parquet file, or it is cut off" in orders(tmp_path, parquet)
    assert "is no Parquet file, or it is cut off" in orders(tmp_path, cut)
    assert ": line 3 is no JSON object" in orders(tmp_path, broken)


def test_a_broken_line_in_the_middle_of_many(tmp_path: Path) -> None:
    good = '{"order": "%d", "unit": "v", "product": "p"}'
    lines = [good % number for number in range(30_000)]
    lines[24_999] = lines[24_999][:-5]
    assert ": line 25000 is no JSON object" in orders(
        tmp_path, written(tmp_path / "a.jsonl", *lines)
    )


def test_a_mapping_that_names_no_column(tmp_path: Path) -> None:
    file, mapping = written(tmp_path / "a.csv", HEADER, GOOD), tmp_path / "map.yaml"
    good = (
        "orders: {fields: {order: order, unit: unit, time: time, product: product, unit_price: %s}}"
    )
    mapping.write_text(good % "unit_prise")
    line = orders(tmp_path, file, mapping)
    assert "unit_price: needs the column 'unit_prise'" in line
    assert f"it has {HEADER.replace(',', ', ')}; did you mean 'unit_price'?" in line
    mapping.write_text(good % "{sql: price * 2}")
    line = orders(tmp_path, file, mapping)
    assert "unit_price: (price * 2) cannot be read" in line
    assert f"in {file}: it has order, unit" in line


def test_a_copy_that_finds_no_room_is_told(tmp_path: Path) -> None:
    """As on a full disk: no file may be larger than a megabyte."""
    file = tmp_path / "a.csv"
    file.write_bytes("\r\n".join([HEADER, *order_lines(30_000)]).encode())
    program = f"{sys.executable} -m fairlift_server import {file} --as orders --map generic"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 1000; {program}"],
        env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{file} cannot be copied to " in line
    assert "set TMPDIR" in line
    assert rows(tmp_path, "SELECT count(*) FROM seen_events") == [(0,)]


PERSON = {"ana@example.com", "Ana", "Madrid", "B-1", "600123123"}
ROW = "B-1,{mail},{time},Ana,Madrid,{phone},39.90"


@pytest.mark.parametrize(
    ("row", "delimiter"),
    [
        (ROW.format(mail="ana@example.com", time="2026-11-24T10:30:00Z", phone=""), ","),
        (ROW.format(mail="", time="24 nov 2026", phone="600123123").replace(",", ";"), ","),
        (ROW.format(mail="ana@example.com", time="", phone="").replace(",", ";"), ";"),
    ],
)
@pytest.mark.parametrize("field", ["Id", "{sql: Id + 1}"])
def test_a_file_without_a_line_of_names_shows_nobody(
    tmp_path: Path, row: str, delimiter: str, field: str
) -> None:
    file, mapping = written(tmp_path / "a.csv", row, row), tmp_path / "map.yaml"
    mapping.write_text(
        f"file: {{delimiter: '{delimiter}'}}\n"
        f"orders: {{fields: {{order: {field}, unit: Email, time: Date, product: Sku, "
        "unit_price: Price}}"
    )

    line = orders(tmp_path, file, mapping)

    assert not [each for each in PERSON if each in line], line
    if ";" in row and delimiter == ",":
        assert "has one column only; set `delimiter: ';'`" in line
    else:
        assert "its first line must name the columns, and looks like a row of values" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("orders: {fields: {order: a}}", "orders.fields: lacks unit, which every row needs"),
        ("orders: {fields: {ordr: a}}", "orders.fields.ordr: is not known; did you mean order?"),
        ("exposures: {}", "maps no orders; it maps exposures"),
        ("order: {}", "order: is not known; did you mean orders?"),
        ("orders: [", "is not YAML at line 1"),
        ("", "maps no orders; it maps nothing"),
        ("- a", "must have entries such as"),
        ("file: {delimiter: ab}\norders: {}", "file.delimiter: is 'ab', must be one character"),
        ("file: {encoding: utf-99}\norders: {}", "file.encoding: 'utf-99' is not known"),
        ("file: {time_zone: Mars}\norders: {}", "file.time_zone: 'Mars' is not known"),
        ("file: {decimal: 5}\norders: {}", "file.decimal: is 5, must be a text"),
        ("orders: {fields: {order: 7}}", "must be a column, {sql: an expression} or {value:"),
        ("orders: {only: paid}", "must be a condition such as {sql:"),
    ],
)
def test_mappings_that_break_a_rule(tmp_path: Path, text: str, says: str) -> None:
    mapping = tmp_path / "map.yaml"
    mapping.write_text(text)
    with pytest.raises(InvalidRequest) as error:
        read_mapping(str(mapping), "orders")
    assert says in "".join(map(str, error.value.violations))


def test_an_unknown_mapping_names_those_that_are_ready(tmp_path: Path) -> None:
    line = orders(tmp_path, written(tmp_path / "a.csv", HEADER, GOOD), "shopify")
    assert "no ready mapping; these are ga4-bigquery, generic, shopify-orders" in line


def test_an_expression_reads_nothing_but_the_file(tmp_path: Path) -> None:
    secret, mapping = written(tmp_path / "secret.csv", "a", "s3cr3t"), tmp_path / "map.yaml"
    mapping.write_text(
        "orders: {fields: {order: order, time: time, product: product, unit_price: unit_price, "
        f"unit: {{sql: \"(SELECT any_value(a) FROM read_csv('{secret}'))\"}}}}}}"
    )
    line = orders(tmp_path, written(tmp_path / "a.csv", HEADER, GOOD), mapping)
    assert "cannot be read" in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (GOOD.replace("11-20", "02-31"), "time", "must be a time of the calendar"),
        (GOOD.replace("2026-11-20T10:00:00Z", "20/11/2026"), "time", "set `time_format`"),
        (GOOD.replace("19.99", '"1.234,50"'), "unit_price", "set `decimal: comma`"),
        (GOOD.replace("19.99", '"1,234"'), "unit_price", "set `decimal: comma`"),
        (GOOD.replace("19.99", "free"), "unit_price", "must be a number such as 1234.50"),
        (GOOD.replace("19.99", "nan"), "unit_price", "must be a number"),
        (GOOD.replace("19.99", ""), "unit_price", "is missing"),
        (GOOD.replace(",1,", ",1.5,"), "quantity", "must be a whole number"),
        (GOOD.replace(",1,", ",0,"), "quantity", "must be 1 or more"),
        (GOOD.replace("v-1", ""), "unit", "is missing"),
        (GOOD.replace("EUR", "euro"), "order.currency_code", "must be an ISO 4217 code"),
        (GOOD.replace("19.99", "9" * 39), "unit_price", "too large"),
        (GOOD.replace(",1,", ",99999999999,"), "quantity", "too large"),
    ],
)
def test_a_row_that_is_wrong_is_refused_alone(
    tmp_path: Path, row: str, field: str, says: str
) -> None:
    other = GOOD.replace("o-1", "o-2")
    tally = imported(tmp_path, written(tmp_path / "a.csv", HEADER, other, row))
    ((why, group),) = tally.refused.items()
    assert (why.field, group.rows, group.first, tally.taken) == (field, 1, [3], 1)
    assert says in group.message


def test_an_order_in_two_currencies_is_refused_whole(tmp_path: Path) -> None:
    lines = [GOOD, GOOD.replace("EUR", "USD"), GOOD.replace("o-1", "o-2")]
    tally = imported(tmp_path, written(tmp_path / "a.csv", HEADER, *lines))
    ((why, group),) = tally.refused.items()
    assert (why.field, group.rows, tally.taken) == ("currency", 2, 1)
    assert group.message == "is EUR in one row of the order and USD in another"


def test_no_message_names_a_person(tmp_path: Path) -> None:
    lines = [GOOD, GOOD.replace("v-1", "ana@example.com"), GOOD.replace("v-1", "bo@x.org\t")]
    done = command(
        tmp_path,
        written(tmp_path / "a.csv", HEADER, *lines, f"{lines[2]},".replace("o-1", "o-2")[:-1]),
        *("--as", "orders", "--map", "generic"),
    )
    assert done.returncode == 1
    assert "unit: is not the same in all rows of the order" in done.stdout
    assert "@" not in done.stdout + done.stderr
    assert (tmp_path / "a.csv.refused.csv").stat().st_mode & 0o077 == 0


def test_an_order_that_is_there_twice(tmp_path: Path) -> None:
    other = GOOD.replace("o-1", "o-2")
    # The same again counts once; with other contents it is not known which holds: neither.
    same = written(tmp_path / "a.csv", HEADER, GOOD, other, GOOD)
    assert imported(tmp_path, same).events == 2
    third, fourth = (GOOD.replace("o-1", name) for name in ("o-3", "o-4"))
    differ = written(tmp_path / "b.csv", HEADER, third, fourth, third.replace("19.99", "20"))
    tally = imported(tmp_path, differ)
    ((why, group),) = tally.refused.items()
    assert (why.field, group.first, tally.events) == ("order", [2, 4], 1)
    assert "more than once with different rows" in group.message


def test_a_comma_before_decimals_where_the_mapping_says_so(tmp_path: Path) -> None:
    mapping = tmp_path / "map.yaml"
    fields = "".join(f"    {name}: {name}\n" for name in HEADER.split(","))
    mapping.write_text(f"file: {{decimal: comma}}\norders:\n  fields:\n{fields}")
    prices = ('"1.234,50"', '"0,1"', "7", '"12.345.678,000001"', "1.234", "1.23")
    lines = [GOOD.replace("o-1", f"o-{i}").replace("19.99", p) for i, p in enumerate(prices)]

    tally = imported(tmp_path, written(tmp_path / "a.csv", HEADER, *lines), mapping=str(mapping))

    found = [row[0] for row in rows(tmp_path, "SELECT goods_micros FROM orders ORDER BY order_id")]
    assert found == [1_234_500_000, 100_000, 7_000_000, 12_345_678_000_001, 1_234_000_000]
    assert [group.first for group in tally.refused.values()] == [[7]]


def test_formula_cells_are_taken_as_texts_and_written_down_harmless(tmp_path: Path) -> None:
    cells = ("=1+1", "+1", "-1", "@SUM(A1)", "'quoted")
    lines = [f'f-{i},,2026-11-20,EUR,"{cell}",1,5' for i, cell in enumerate(cells)]
    file = written(tmp_path / "a.csv", HEADER, *lines, GOOD.replace("shoe", "=1+1"))

    done = command(tmp_path, file, "--as", "orders", "--map", "generic")

    assert done.returncode == 1
    assert rows(tmp_path, "SELECT product_id FROM order_lines") == [("=1+1",)]
    with (tmp_path / "a.csv.refused.csv").open(newline="") as opened:
        first, *written_rows = csv.reader(opened)
    assert first == ["line", "reason", *HEADER.split(",")]
    assert [row[:2] for row in written_rows] == [
        [str(i), "unit is missing"] for i in range(2, 2 + len(cells))
    ]
    assert [row[6] for row in written_rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'quoted"]


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", HEADER, *order_lines(10_000))
    mapping = read_mapping("generic", "orders")
    source = SourceFile(file, mapping.options)
    try:
        found = mapped_rows(source, mapping)
        batches = found.batches()
        first = next(batches)
        with file.open("a") as opened:
            opened.write(GOOD + "\n")
        with pytest.raises(WrongState, match="changed while it was read; import it when nothing"):
            list(batches)
    finally:
        source.close()
    assert len(first) == 5_000


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    file = written(tmp_path / "a.csv", HEADER, GOOD)
    file.chmod(0)
    assert orders(tmp_path, file).endswith("Permission denied")


def test_the_mapping_of_another_shop_fits_no_column(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", HEADER, GOOD)
    assert "needs the column 'Name'" in orders(tmp_path, file, "shopify-orders")
