"""The line of docs/sdk.md that sends an exchange rate, against a real server."""

import re
from pathlib import Path

from fairlift import Client, OrderLine, micros

from examples.server import running_server

_PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"


def test_an_order_in_another_currency_waits_until_the_documented_line_ran() -> None:
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (program,) = (block for block in blocks if "exchange_rate" in block)
    with running_server(currency="EUR") as address:
        with Client(address) as client:
            _order(client, "before")
            assert client.flush(10)
            assert (client.stats().parked, client.stats().accepted) == (1, 0)

            exec(program, {"client": client})
            assert client.flush(10)
            assert client.stats().accepted == 1

        with Client(address) as client:
            _order(client, "after")
            assert client.flush(10)
            assert (client.stats().parked, client.stats().accepted) == (0, 1)


def _order(client: Client, order_id: str) -> None:
    client.order("v-1", order_id, [OrderLine("sku-1", 1, micros("24.95"))], currency="USD")
