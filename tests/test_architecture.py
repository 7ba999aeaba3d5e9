"""ARCHITECTURE.md draws the packages, layers and contracts that pyproject.toml has."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from fairlift_server.access.roles import Role

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def drawn(title: str) -> Iterator[set[str]]:
    """The modules and packages of each line of a drawing that names some."""
    for line in section(title).split("```")[1].splitlines():
        if names := re.findall(r"(\w+)(?:\.py|/(?!\w))", line):
            yield set(names)


def layers(name: str) -> list[set[str]]:
    (contract,) = [each for each in LINTER["contracts"] if each["name"] == name]
    return [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]


def test_all_packages_are_counted() -> None:
    number = NUMBERS[len(LINTER["root_packages"])]

    assert f"with {number} import packages" in PAGE
    assert [name for name in LINTER["root_packages"] if f"/{name}`" not in PAGE] == []


def test_layers_are_drawn_as_they_are() -> None:
    assert list(drawn("Inside the server")) == layers("Layers of the server")
    assert list(drawn("Inside the statistics")) == layers("Layers of the statistics")


def test_contracts_are_listed_as_they_are() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section("Import contracts"), re.MULTILINE)
    listed = [(name, kind) for name, kind in rows if not name.startswith(("contract", "--"))]

    assert listed == [
        (contract["name"], contract["type"].replace("_", " ")) for contract in LINTER["contracts"]
    ]


def test_the_decision_about_roles_names_all_of_them() -> None:
    (page,) = (ROOT / "docs" / "decisions").glob("0047-*")
    sentence = page.read_text().split("**Chosen: ")[1].split(";")[0]

    assert set(re.findall(r"`(\w+)`", sentence)) == {role.value for role in Role}
    assert sentence.startswith(f"{NUMBERS[len(Role)]} fixed roles")
