"""Guardrails: how often a winner ships that harms them, and how often one is stopped for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from fairlift_stats.data.metrics import Mean
from fairlift_stats.data.summary import Pair
from fairlift_stats.report.question import Guardrail
from fairlift_stats.verdict import Verdict, decide
from numpy.typing import NDArray

from tests.simulation.campaigns import CONVERSION, Setup, look_log
from tests.simulation.independent import crossing, upper_lines
from tests.simulation.plots import plot
from tests.simulation.shops import ByEntryDay
from tests.simulation.tables import AGAINST, Share, table

RUNS: Final = 300
MARGIN: Final = 0.1
# The margin over the standard error of the plain difference at the end.
MARGIN_IN_ERRORS: Final = 3.29
_DAYS: Final = 28
_A_DAY: Final = 500
_TIMES: Final = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """A clear winner in conversion whose guardrails are worse.

    Attributes:
        losses: by treatment, the true loss of each guardrail in margins: 1 is exactly the margin.
        direction: which way is better for every guardrail.
        is_absolute: the margin is an amount; else a share of the control, whose figure is 1.
    """

    losses: tuple[tuple[float, ...], ...]
    direction: Literal["higher", "lower"] = "higher"
    is_absolute: bool = False

    @property
    def setup(self) -> Setup:
        """Weekly looks of 28 days; the guardrails are means over all visitors."""
        margin = {"absolute_margin" if self.is_absolute else "margin": MARGIN}
        rails = tuple(
            Guardrail(Mean(f"rail_{i}", f"rail_{i}", None, "count", self.direction), **margin)
            for i in range(len(self.losses[0]))
        )
        return Setup.of(
            CONVERSION,
            treatments=len(self.losses),
            guardrails=rails,
            n_max=_DAYS * _A_DAY * (1 + len(self.losses)),
        )

    def history(self, rng: np.random.Generator) -> ByEntryDay:
        """Normal figures by their sums: those and the sums of squares are all that is used."""
        arms = 1 + len(self.losses)
        units = np.full((arms, _DAYS), _A_DAY)
        buyers = rng.binomial(units, np.array((0.03, *(0.06,) * len(self.losses)))[:, None])
        sd = MARGIN / MARGIN_IN_ERRORS / np.sqrt(2 / (_DAYS * _A_DAY))
        sign = -1 if self.direction == "higher" else 1
        columns: dict[str, NDArray[np.generic]] = {"buyers": buyers}
        products: dict[Pair, NDArray[np.generic]] = {("buyers", "buyers"): buyers}
        for i in range(len(self.losses[0])):
            worse = np.array([0.0, *(losses[i] for losses in self.losses)])[:, None]
            mean = 1 + sign * MARGIN * worse
            total = rng.normal(units * mean, sd * np.sqrt(units))
            spread = sd**2 * rng.chisquare(_A_DAY - 1, units.shape)
            columns[f"rail_{i}"] = total
            products[f"rail_{i}", f"rail_{i}"] = total**2 / units + spread
        return ByEntryDay.of(units, columns, products)

    def verdicts(self, runs: int, rng: np.random.Generator) -> list[Verdict]:
        """Of so many campaigns, each read when it is over."""
        setup = self.setup
        return [decide(setup.plan, look_log(setup, self.history(rng))) for _ in range(runs)]

    def shown_safe(self) -> float:
        """Chance that one relative, higher-is-better guardrail is shown to be safe: independent."""
        lines = upper_lines(0.05, _TIMES)
        kept_back = (
            MARGIN_IN_ERRORS * (1 - self.losses[0][0]) / np.sqrt((1 + (1 - MARGIN) ** 2) / 2)
        )
        return crossing(lines, _TIMES, float(kept_back))


def shares(verdicts: Sequence[Verdict]) -> tuple[Share, Share]:
    """Shipped, and stopped for harm."""
    return (
        Share.of(verdict.kind == "ship" for verdict in verdicts),
        Share.of(verdict.kind == "stop_harm" for verdict in verdicts),
    )


# What, the scene, the most that may ship, the most that may be stopped for harm; None: no promise.
_ROWS: Final[tuple[tuple[str, Scene, float, float | None], ...]] = (
    ("at the margin", Scene(((1.0,),)), 0.05, 0.025),
    ("at the margin, lower is better", Scene(((1.0,),), "lower"), 0.05, 0.025),
    ("at the margin, an amount", Scene(((1.0,),), is_absolute=True), 0.05, 0.025),
    ("half the margin", Scene(((0.5,),)), 1.0, 0.025),
    ("twice the margin", Scene(((2.0,),)), 0.05, None),
    ("two guardrails at their margins", Scene(((1.0, 1.0),)), 0.05, 0.025),
    ("two treatments at the margin", Scene(((1.0,), (1.0,))), 0.10, 0.025),
    ("two treatments, two guardrails", Scene(((1.0, 1.0), (1.0, 1.0))), 0.10, 0.025),
)


def guardrails(folder: Path) -> str:
    """A clear winner whose guardrails are truly worse by a part of their margin."""
    rows: list[Sequence[object]] = []
    for what, scene, ships, harms in _ROWS:
        ship, harm = shares(scene.verdicts(RUNS, np.random.default_rng(20283)))
        shipped = ship.against(ships) if ships < 1 else (str(ship), "–", "–")
        stopped = (str(harm), "–", "–") if harms is None else harm.against(harms)
        rows.append((what, "shipped", *shipped))
        rows.append((what, "stopped for harm", *stopped))
    mixed = Scene(((1.0,), (0.0,))).verdicts(RUNS, np.random.default_rng(20286))
    wrong = Share.of((v.kind, v.variant) == ("ship", "arm_1") for v in mixed)
    rows.append(("first treatment at the margin", "the first shipped", *wrong.against(0.05)))
    safe, _ = shares(Scene(((0.0,),)).verdicts(RUNS, np.random.default_rng(20284)))
    expected = Scene(((0.0,),)).shown_safe()
    rows.append(("no loss", "shipped", *safe.against(expected, "about")))
    _plot(folder / "guardrails.svg")
    return (
        f"{RUNS:,} campaigns a row: conversion doubles, and each guardrail has a margin of 10 %, "
        f"which is {MARGIN_IN_ERRORS} standard errors of the difference at the end. Safe is shown "
        "at 5 % one-sided for each guardrail and treatment; a loss no larger than the margin may "
        "be called harm in 2.5 % over all guardrails and treatments. Without a loss SciPy's "
        f"multivariate normal expects {expected:.3f} to ship.\n\n"
        + table(("true loss", "verdict", *AGAINST), rows)
        + "\nTwo treatments at their margins may ship twice as often as one: the 5 % is for each "
        "treatment, and not divided among them. In the row of the *first treatment at the margin* "
        "the second has no loss.\n\n"
        "![What becomes of a winner whose guardrail is worse](calibration/guardrails.svg)\n"
    )


def _plot(path: Path) -> None:
    losses = np.arange(0.0, 2.01, 0.25)
    runs = RUNS // 4
    ships, harms = zip(
        *(
            shares(Scene(((float(x),),)).verdicts(runs, np.random.default_rng(20285)))
            for x in losses
        ),
        strict=True,
    )
    with plot(path) as axes:
        axes.plot(losses, [s.value for s in ships], "o-", label="shipped")
        axes.plot(losses, [s.value for s in harms], "s-", label="stopped for harm")
        expected = [Scene(((float(x),),)).shown_safe() for x in losses]
        axes.plot(losses, expected, ":", color="0.4", label="shown to be safe, multivariate normal")
        axes.axvline(1, color="0.8", linewidth=1)
        axes.set(xlabel="true loss, in margins", ylabel=f"share of {runs} campaigns")
        axes.legend(frameon=False)


SECTIONS: Final[dict[str, Callable[[Path], str]]] = {"Guardrails": guardrails}
