"""`fairlift-server export --what results`: the figures of the reports, as tables for people."""

import asyncio
import csv
import json
import os
import subprocess
import sys
import zipfile
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.spreadsheets import SheetRow, harmless
from fairlift_server.commands.spreadsheets import write_tables

from tests.server import shop
from tests.server.client import Caller, running
from tests.server.crowds import crowd, metric, results, send, start

FORMULA = "=HYPERLINK(1)"
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


async def export(address: str, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "fairlift_server", "export", str(folder), "--what", "results",
         *options],
        env={**os.environ, "FAIRLIFT_LISTEN": address},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip


async def a_shop(caller: Caller) -> pb.Report:
    """Two campaigns: one with visitors and a name like a formula, one without visitors."""
    campaign = shop.campaign()
    campaign.display_name = FORMULA
    await start(caller, campaign)
    await send(
        caller, chain(crowd("control", 300, [20.0] * 30), crowd("free", 300, [25.0, 10.0] * 20))
    )
    await caller.start(shop.campaign("quiet"))
    return await results(caller)


async def test_the_tables_have_the_figures_of_the_report(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    async with running(tmp_path) as caller:
        report = await a_shop(caller)
        said = await export(caller.address, folder)

    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("reports of 2 of 2 campaigns\n")
    variants = table(folder / "variants.csv")
    assert [(row["campaign"], row["variant"]) for row in variants] == [
        ("free-shipping", "control"),
        ("free-shipping", "free"),
        ("quiet", "control"),
        ("quiet", "free"),
    ]
    free = variants[1]
    assert free["campaign_name"] == "'" + FORMULA
    # As sent: 40 orders of 25 and 10 in turn.
    assert (free["units"], free["buyers"], free["orders"], free["revenue"]) == (
        "300", "40", "40", "700.0",
    )  # fmt: skip
    assert (free["control"], variants[0]["control"]) == ("false", "true")
    assert free["verdict_sentence"] == report.verdict.sentence

    metrics = table(folder / "metrics.csv")
    found = {(row["campaign"], row["metric"], row["variant"]): row for row in metrics}
    assert len(found) == len(metrics)
    expected = metric(report, "revenue_per_visitor").comparisons[0]
    row = found["free-shipping", "revenue_per_visitor", "free"]
    assert float(row["lift"]) == expected.lift
    assert float(row["lift_lower"]) == expected.lift_interval.lower
    assert float(row["p_value"]) == expected.p_value
    # 600 from 300 visitors against 700: 1/6 more.
    assert float(row["lift"]) == pytest.approx(1 / 6)
    assert float(row["estimate"]) == pytest.approx(700 / 300)
    assert row["role"] == "primary"
    control = found["free-shipping", "revenue_per_visitor", "control"]
    assert (control["lift"], control["control"]) == ("", "true")


def table(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")  # Excel reads accents
    return list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))


async def test_a_workbook_and_json_lines_hold_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    async with running(tmp_path) as caller:
        await a_shop(caller)
        for kind in ("csv", "xlsx", "jsonl"):
            said = await export(caller.address, folder, "--format", kind, "--language", "es")
            assert said.returncode == 0, said.stderr

    for number, name in enumerate(("variants", "metrics"), start=1):
        text = (folder / f"{name}.jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        rows = table(folder / f"{name}.csv")
        cells = sheet(folder / "results.xlsx", number)
        assert cells[0] == list(rows[0]) == list(lines[0])
        for row, line, inside in zip(rows, lines, cells[1:], strict=True):
            for column, cell in zip(row, inside, strict=True):
                value = line[column]
                if column == "read_at":
                    continue  # each is read anew
                if isinstance(value, float):
                    assert cell == pytest.approx(value, rel=1e-14)
                    assert float(row[column]) == value
                else:
                    assert cell == harmless(value), column
                    text = "" if value is None else str(harmless(value))
                    assert row[column] == (text.lower() if isinstance(value, bool) else text)
    assert sorted(path.name for path in folder.iterdir()) == [
        "metrics.csv", "metrics.jsonl", "results.xlsx", "variants.csv", "variants.jsonl",
    ]  # fmt: skip


def sheet(path: Path, number: int) -> list[list[object]]:
    """The cells of a worksheet, each by its type; a formula is refused."""
    with zipfile.ZipFile(path) as file:
        strings = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        texts = ["".join(one.itertext()) for one in strings.iter(f"{_SHEET}si")]
        root = ElementTree.fromstring(file.read(f"xl/worksheets/sheet{number}.xml"))
    assert not list(root.iter(f"{_SHEET}f"))
    rows = []
    for row in root.iter(f"{_SHEET}row"):
        cells: dict[int, object] = {}
        for cell in row:
            value = cell.findtext(f"{_SHEET}v") or ""
            place = _place(cell.attrib["r"])
            match cell.attrib.get("t"):
                case "s":
                    cells[place] = texts[int(value)]
                case "b":
                    cells[place] = value == "1"
                case _:
                    cells[place] = float(value)
        rows.append([cells.get(place) for place in range(max(cells) + 1)])
    width = len(rows[0])
    return [row + [None] * (width - len(row)) for row in rows]


def _place(reference: str) -> int:
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    return number - 1


async def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    said = await export("127.0.0.1:1", tmp_path / "people")

    assert said.returncode == 1
    assert said.stderr.startswith("fairlift-server: no Fairlift server answers at 127.0.0.1:1 (")
    assert "start it, or name another with --server" in said.stderr
    assert not (tmp_path / "people").exists()


async def test_a_token_is_needed_where_the_server_asks_for_one(tmp_path: Path) -> None:
    async with running(tmp_path, token="open-sesame-open") as caller:
        said = await export(caller.address, tmp_path / "people")

    assert said.returncode == 1
    assert "token" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_no_text_becomes_a_formula(tmp_path: Path, first: str) -> None:
    rows: list[SheetRow] = [{"name": f"{first}1+1", "number": -1.5, "count": -3}]

    write_tables(tmp_path, {"names": rows}, "csv")
    write_tables(tmp_path, {"names": rows}, "xlsx")
    write_tables(tmp_path, {"names": rows}, "jsonl")

    with (tmp_path / "names.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1] == [f"'{first}1+1", "-1.5", "-3"]
    cell = sheet(tmp_path / "results.xlsx", 1)[1]
    assert str(cell[0]).startswith("'")
    assert cell[1:] == [-1.5, -3]
    assert json.loads((tmp_path / "names.jsonl").read_text())["name"] == f"{first}1+1"
