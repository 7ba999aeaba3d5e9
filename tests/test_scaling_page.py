"""docs/scaling.md: each constant's command is there, and prints the figure that the page names."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
# A letter, the constant, its value, and the command that measures it.
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \*\w\* \|", line)
]


def figures_of(benchmark: str) -> Iterator[str]:
    """Texts of a benchmark, with `…` for what it fills in."""
    source = (ROOT / "benchmarks" / f"{benchmark}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            )


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[1][:30]}" for row in ROWS])
def test_a_constant_names_a_figure_that_its_command_prints(row: list[str]) -> None:
    _, _, value, command = row
    assert re.search(r"\d", value)
    made = re.search(r"`make bench-(\w+)", command)
    if made is None:
        assert command.startswith("`python -c ")
        return
    names = re.findall(r"`([\w…]+_[\w…]+)`", command)
    assert names
    for name in names:
        # Either may leave the ledger's name open.
        wanted = re.compile(re.escape(name).replace("…", r"[\w…]+"))
        printed = [text for text in figures_of(made.group(1)) if wanted.fullmatch(text)]
        assert printed, name


def test_every_constant_of_the_model_is_in_the_table() -> None:
    assert len(ROWS) >= 9
    model = PAGE.partition("## The model")[2]
    used = set(re.findall(r"\*([a-z])\*", model))
    assert used <= {row[0].strip("*") for row in ROWS}


def test_a_campaign_of_a_snapshot_has_as_many_bytes_as_the_page_says() -> None:
    (row,) = [row for row in ROWS if row[0] == "*c*"]
    program = re.fullmatch(r'`python -c "(.*)"`', row[3])
    assert program is not None
    printed = subprocess.run(
        [sys.executable, "-c", program.group(1)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert printed.stdout.strip() == row[2]
