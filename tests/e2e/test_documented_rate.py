"""The program of docs/sdk.md that sends an exchange rate, against a real server."""

import re
from pathlib import Path
from typing import Any

from fairlift import Client, OrderLine, micros
from fairlift.v1.event_service_pb2 import EVENT_STATUS_ACCEPTED

from examples.server import running_server

_PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
_ENCRYPTED = 'secure_channel("fairlift.example:443", grpc.ssl_channel_credentials())'


def test_an_order_in_another_currency_waits_until_the_documented_program_ran() -> None:
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (program,) = (block for block in blocks if "exchange_rate" in block)
    assert _ENCRYPTED in program
    names: dict[str, Any] = {}
    with running_server(currency="EUR", token="s3cret") as address:
        with Client(address, token="s3cret") as client:
            _order(client, "before")
            assert client.flush(10)
            assert (client.stats().parked, client.stats().accepted) == (1, 0)

        exec(program.replace(_ENCRYPTED, f'insecure_channel("{address}")'), names)
        assert names["response"].outcomes[0].status == EVENT_STATUS_ACCEPTED

        with Client(address, token="s3cret") as client:
            _order(client, "after")
            assert client.flush(10)
            assert (client.stats().parked, client.stats().accepted) == (0, 1)


def _order(client: Client, order_id: str) -> None:
    client.order("v-1", order_id, [OrderLine("sku-1", 1, micros("24.95"))], currency="USD")
