"""docs/threats.md names each threat once, with tests that exist or a reason."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "threats.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ \|", line)
]
NAMED = re.compile(r"`((?:tests|docs)/[\w/.]+)`")
THREATS = 18


def test_each_threat_has_what_is_done_and_what_shows_it() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, THREATS + 1))
    for number, threat, done, shown in ROWS:
        assert threat, number
        assert done, number
        assert NAMED.search(shown) or shown == "the table below", number


def test_all_tests_that_are_named_exist() -> None:
    named = set(NAMED.findall(PAGE))

    assert len(named) > 30
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]
