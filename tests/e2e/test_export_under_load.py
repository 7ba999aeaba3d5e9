"""Exports beside a server that takes events in: in the end, the lake is the ledger."""

import time
from pathlib import Path

import grpc
import pytest

from tests.e2e.server_commands import Load, expose, finished
from tests.e2e.test_server_process import process, start_campaign
from tests.server.lake.lake_reading import check_equal, check_files, manifest


@pytest.mark.slow
def test_exports_under_load_miss_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        with Load(address, callers=3) as load:
            for number in range(5):
                while len(load.acknowledged) < 800 * (number + 1):
                    time.sleep(0.01)
                code, said = finished(tmp_path / "shop.db", "export", str(lake))
                assert code == 0, said
        code, said = finished(tmp_path / "shop.db", "export", str(lake))
        assert code == 0, said
        code, said = finished(tmp_path / "shop.db", "export", str(lake))
        assert "nothing is new" in said

    check_equal(str(tmp_path / "shop.db"), lake)
    check_files(lake)
    assert manifest(lake)["version"] >= 5


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 2_000, 20_000])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, limit: int) -> None:
    lake = tmp_path / "lake"
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        expose(channel, "v", 500)
        code, said = finished(tmp_path / "shop.db", "export", str(lake))
        assert code == 0, said
        before = {path: path.read_bytes() for path in lake.rglob("*.*") if path.is_file()}
        expose(channel, "w", 5_000)

        code, said = finished(tmp_path / "shop.db", "export", str(lake), file_limit=limit or 1)

        assert code == 1
        assert said.startswith("fairlift-server: exporting "), said
        assert {path: path.read_bytes() for path in lake.rglob("*.*") if path.is_file()} == before
        code, said = finished(tmp_path / "shop.db", "export", str(lake))
        assert code == 0, said
    check_equal(str(tmp_path / "shop.db"), lake)


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, said = finished(tmp_path / "none.db", "export", str(tmp_path / "lake"))

    assert code == 1
    assert said.startswith(f"fairlift-server: there is no database at {tmp_path}/none.db")
    assert not (tmp_path / "lake").exists()
