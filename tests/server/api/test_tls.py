"""A server with a certificate."""

import asyncio
from pathlib import Path

import pytest
from fairlift import Client, Tls
from fairlift.engine.errors import InvalidRequest, WrongState
from fairlift_server.build import serving
from fairlift_server.settings import Settings

from tests.server.client import settings_of, workers

PEM = Path(__file__).parents[2] / "client" / "certificates"


def settings(folder: Path, **more: str) -> Settings:
    certificate = {
        "tls_certificate": str(PEM / "localhost.pem"),
        "tls_key": str(PEM / "localhost.key"),
    }
    return settings_of(
        {"listen": "127.0.0.1:0", "database": str(folder / "shop.db"), **certificate, **more}
    )


async def test_the_sdk_reaches_a_server_with_a_certificate_by_tls_alone(tmp_path: Path) -> None:
    async with serving(settings(tmp_path), workers=workers()) as server:
        root = (PEM / "localhost.pem").read_bytes()
        target = f"localhost:{server.port}"
        async with (
            Client(target, tls=Tls(root=root)) as trusting,
            Client(target, tls=False) as bare,
        ):
            assert await asyncio.to_thread(trusting.wait_ready, 10)
            assert not await asyncio.to_thread(bare.wait_ready, 0.5)


async def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match=r"cannot read .*absent\.pem"):
        async with serving(settings(tmp_path, tls_certificate=str(tmp_path / "absent.pem"))):
            pass


async def test_a_certificate_that_is_none_stops_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(WrongState, match="one is not PEM, or they do not match"):
        async with serving(settings(tmp_path, tls_certificate=str(broken))):
            pass


@pytest.mark.parametrize("alone", ["tls_certificate", "tls_key"])
def test_certificate_and_key_come_together(tmp_path: Path, alone: str) -> None:
    with pytest.raises(InvalidRequest, match="must be set too"):
        settings(tmp_path, **{alone: ""})
