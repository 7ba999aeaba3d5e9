"""Recognises a frame without importing its library."""

from fairlift_stats.errors import BadFrame
from fairlift_stats.frames.table import FrameTable

__all__ = ["open_frame"]


def open_frame(frame: object) -> FrameTable:
    """The frame, ready for questions: in memory, or where its data are.

    Raises:
        ModuleNotFoundError: narwhals is not installed.
        BadFrame: it is no frame that narwhals knows, or its columns have no distinct names.
    """
    try:
        import narwhals as nw
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'frames are read with narwhals: pip install "fairlift[notebook]"', name="narwhals"
        ) from None
    from fairlift_stats.frames.memory import MemoryTable
    from fairlift_stats.frames.query import QueryTable

    # narwhals takes any frame, and says so when it does not know one.
    try:
        narwhals = nw.from_native(frame)  # type: ignore[call-overload]
    except TypeError:
        raise BadFrame(
            f"frame: is a {type(frame).__name__}, must be a table of pandas, polars or pyarrow, "
            "a DuckDB relation or an Ibis table; for rows in memory, pandas.DataFrame(rows)"
        ) from None
    except (ValueError, nw.exceptions.NarwhalsError) as error:
        raise BadFrame(f"frame: {error}; give each column a name of its own") from None
    return QueryTable(narwhals) if isinstance(narwhals, nw.LazyFrame) else MemoryTable(narwhals)
