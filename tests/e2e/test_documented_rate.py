"""The lines of docs/sdk.md that send an exchange rate, against a real server."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlift import Client, OrderLine, micros

from tests.databases import database_in, rows
from tests.e2e.test_server_process import PATIENCE_S, process

_PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"


def test_an_order_in_another_currency_waits_until_the_documented_lines_ran(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (program,) = (block for block in blocks if "exchange_rate" in block)
    with process(tmp_path) as (_, address), Client(address) as client:
        _order(client, "before")
        assert client.flush(10)
        assert (client.stats().parked, client.stats().accepted) == (1, 0)

        # A rate of a later time frees no order: the next one waits too.
        client.exchange_rate("USD", "0.5")
        assert client.flush(10)
        _order(client, "still before")
        assert client.flush(10)
        assert (client.stats().parked, client.stats().accepted) == (2, 1)

        exec(program, {"client": client})
        _order(client, "after")
        assert client.flush(10)
        assert (client.stats().parked, client.stats().accepted) == (2, 3)
        assert _orders(database_in(tmp_path), 3) == [("after",), ("before",), ("still before",)]


def _order(client: Client, order_id: str) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    lines = [OrderLine("sku-1", 1, micros("24.95"))]
    client.order("v-1", order_id, lines, currency="USD", time=at)


def _orders(database: str, count: int) -> list[tuple[str]]:
    """The orders that count, once there are as many: the server judges again within a second."""
    until = time.monotonic() + PATIENCE_S
    query = "SELECT order_id FROM orders ORDER BY order_id"
    while len(orders := rows(database, query)) != count:
        assert time.monotonic() < until, orders
        time.sleep(0.05)
    return orders
