"""Under gevent the client works; under eventlet it says at once that gRPC cannot."""

import subprocess
import sys
import textwrap
import types

import pytest
from fairlift import Client

from tests.client.shop import Shop


def test_client_works_in_a_process_that_gevent_has_patched(shop: Shop) -> None:
    # Given a program that records more events after its last flush, and just ends
    program = textwrap.dedent(
        f"""
        from gevent import monkey

        monkey.patch_all()
        from fairlift import Client

        client = Client("{shop.target}")
        assert client.wait_ready(10)
        for number in range(10):
            client.assign("spring", f"v{{number}}", {{"country": "ES"}}, expose=True)
        assert client.flush(10)
        client.action("last", "goodbye")
        """
    )

    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)

    assert len(shop.of_kind("exposure")) == 10
    assert [action.unit_id for action in shop.of_kind("action")] == ["last"]


def test_eventlet_is_refused_before_it_can_stop_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given what eventlet leaves behind when it has patched a process
    patcher = types.SimpleNamespace(is_monkey_patched=lambda module: module == "socket")
    monkeypatch.setitem(sys.modules, "eventlet.patcher", patcher)

    with pytest.raises(RuntimeError, match=r"eventlet .* use gevent or threads"):
        Client("127.0.0.1:1")
