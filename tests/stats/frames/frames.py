"""The same visitors in every library that frames may come from."""

from collections.abc import Callable
from typing import Any, Final

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa


def visitors(n: int = 3_000) -> pd.DataFrame:
    """One row per visitor of three variants; a fifth of them have no revenue before."""
    rng = np.random.default_rng(44)
    bought = rng.random(n) < 0.15
    orders = bought * (1 + rng.poisson(0.4, n))
    spirit = rng.lognormal(0, 0.4, n)
    before = np.round(spirit * rng.lognormal(2, 0.3, n), 2)
    before[rng.random(n) < 0.2] = np.nan
    return pd.DataFrame(
        {
            "visitor": np.arange(n),
            "variant": rng.choice(["control", "ten", "twenty"], n),
            "device": rng.choice(["phone", "desktop", "tablet"], n, p=[0.6, 0.3, 0.1]),
            "phone": rng.integers(0, 2, n),
            "bought": bought,
            "orders": orders,
            "revenue": np.round(orders * spirit * rng.lognormal(3, 0.5, n), 2),
            "micros": orders * 9_007_199_254_741,
            "revenue_before": before,
            "orders_before": np.where(np.isnan(before), 0, rng.poisson(0.5, n)),
        }
    )


def _polars(frame: pd.DataFrame) -> pl.DataFrame:
    table = pl.from_arrow(_arrow(frame))
    assert isinstance(table, pl.DataFrame)
    return table


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.table({name: pa.array(frame[name], from_pandas=True) for name in frame})


def _duckdb(frame: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.register("in_arrow", _arrow(frame))
    connection.execute("CREATE TABLE visitors AS FROM in_arrow")
    return connection.table("visitors")


def _ibis(frame: pd.DataFrame) -> Any:
    backend = ibis.duckdb.connect()
    backend.con.register("in_arrow", _arrow(frame))
    backend.raw_sql("CREATE TABLE visitors AS FROM in_arrow")
    return backend.table("visitors")


FRAMES: Final[dict[str, Callable[[pd.DataFrame], Any]]] = {
    "pandas": lambda frame: frame,
    "polars": _polars,
    "polars lazy": lambda frame: _polars(frame).lazy(),
    "pyarrow": _arrow,
    "DuckDB": _duckdb,
    "Ibis": _ibis,
}
