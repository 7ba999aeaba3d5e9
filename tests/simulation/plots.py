"""Plots of the calibration page: the same bytes for the same figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@contextmanager
def plot(path: Path, *, width: float = 7.5, height: float = 3.6) -> Iterator["Axes"]:
    """One pair of axes, saved as SVG without dates and with ids that do not change."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "fairlift"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(width, height))
    yield axes
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
