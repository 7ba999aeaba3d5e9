"""A ledger that grows, and its copy."""

from dataclasses import replace
from pathlib import Path

import pytest
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import LedgerAnswer
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store.database import Store
from fairlift_server.store.erasure import Request, erase
from fairlift_server.store.history import Author

from tests.databases import copied
from tests.ledger_oracle.histories import History, histories, together
from tests.ledger_oracle.product import Arrival, empty_store, feed, query_of
from tests.ledger_oracle.test_folded_in import assert_same


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


class Shop:
    """A ledger with a part of a history, and its copy."""

    def __init__(self, empty: str, folder: Path, history: History | None = None) -> None:
        self.history = history or together(histories(7)[:4])
        self.database = copied(empty, folder / "shop.db")
        self.source = LedgerSource(
            self.database, folder=str(folder / "analysis"), least_copied_rows=1
        )
        self.folder = folder / "analysis" / "copy"
        # As of now: of past days nothing is folded in.
        self.query = replace(query_of(self.history), as_of_day=None)
        self.sent = 0
        self.send(len(self.history.events) // 2)

    def send(self, number: int) -> None:
        """Stores so many events more."""
        part = self.history.events[self.sent : self.sent + number]
        self.sent += number
        feed(replace(self.history, events=part), self.database, Arrival())

    def read(self, known: LedgerAnswer | None = None) -> LedgerAnswer:
        """The answer by the copy, which is that of the database."""
        [answer] = answers_from_copy(self.source, [self.query], [known])
        [read] = answers(self.database, [self.query])
        assert_same(answer, read)
        return answer

    def files(self) -> set[str]:
        """Of rows, in the copy."""
        return {path.name for path in self.folder.glob("*.duckdb")}


@pytest.fixture
def shop(empty: str, tmp_path: Path) -> Shop:
    return Shop(empty, tmp_path)


def erase_unit(shop: Shop, unit: str) -> None:
    store = Store(shop.database)
    request = Request(0, Author(), "")
    store.write_now(lambda t: erase(t, [unit], UnitIds(None, salt=b"salt"), None, request))
    store.close()
