"""A few histories of the long comparison, `python -m tests.engine_agreement`."""

from functools import partial
from pathlib import Path

import pytest

from tests.engine_agreement.agreement import (
    ROUNDING,
    Agreement,
    by_spark,
    compared,
    duckdb_engines,
)
from tests.ledger_oracle.product import empty_store
from tests.spark_cluster import SparkCluster


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


@pytest.mark.slow
def test_duckdb_says_the_same_in_every_place(empty: str, tmp_path: Path) -> None:
    found: dict[str, Agreement] = {}
    engines = duckdb_engines()
    lines = compared(11, empty, tmp_path / "11", engines, found)
    assert not lines
    assert found.keys() == engines.keys()
    for each in found.values():
        assert each.largest <= ROUNDING
        assert each.figures > 10_000


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_a_cluster_of_two_workers_says_the_same_as_duckdb(
    empty: str, tmp_path: Path, spark_cluster: SparkCluster
) -> None:
    found: dict[str, Agreement] = {}
    engines = {"spark": partial(by_spark, spark_cluster.url)}
    lines = compared(12, empty, tmp_path / "12", engines, found)
    assert not lines
    assert found["spark"].largest <= ROUNDING
    assert found["spark"].figures > 10_000
