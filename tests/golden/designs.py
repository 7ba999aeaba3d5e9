"""Stopping designs by the words that golden files have for them."""

import re
from collections.abc import Sequence

from fairlift_stats.sequential.anytime.mixture import (
    mixture_line,
    yeast_line,
)
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    spending_boundaries,
)
from fairlift_stats.sequential.group_sequential.classical_lines import (
    equal_times,
    haybittle_peto,
    lines,
    wang_tsiatis,
)
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from scipy.special import ndtri


def spending_of(spec: str, **parameters: float) -> Spending:
    """A spending function by any of its usual names, e.g. "power rho=2"."""
    words = dict(re.findall(r"(\w+)\s*=\s*(-?[\d.]+)", spec))
    given = {**{k: float(v) for k, v in words.items()}, **parameters}
    name = re.sub(r"\s*\w+\s*=.*", "", spec).strip().lower().replace("-", "_")
    if name in ("lan_demets_obf", "ldof", "asof", "ld_obf", "obf"):
        return Spending("lan_demets_obf")
    if name in ("lan_demets_pocock", "ldpocock", "asp", "ld_pocock", "pocock"):
        return Spending("lan_demets_pocock")
    if name in ("hsd", "hwang_shih_decani", "ashsd"):
        return Spending("hsd", given.get("gamma", given.get("parameter", -4.0)))
    if name in ("power", "kim_demets", "kd", "askd"):
        return Spending("power", given.get("rho", given.get("parameter", 3.0)))
    raise ValueError(f"spending {spec!r} is not known")


def spending_lines(spending: Spending, alpha: float, sides: int, t: Sequence[float]) -> Boundaries:
    side = Side(spending, alpha / sides)
    return spending_boundaries(t, upper=side, lower=side if sides == 2 else None)


def design_row(row: str, alpha: float, sides: int) -> Boundaries:
    """A design in rpact's short words: "K5 OF", "K5 asOF", "K10 WT0.25", "K5 asHSD-4"."""
    looks, name = re.fullmatch(r"K\s*=?\s*(\d+)\s+(.+)", row).groups()  # type: ignore[union-attr]
    times = equal_times(int(looks))
    return named_design(name, times, alpha, sides)


def named_design(name: str, times: tuple[float, ...], alpha: float, sides: int) -> Boundaries:
    short = name.strip().lower().replace(" ", "").replace("_", "")
    value = re.search(r"-?(\d+\.?\d*|\.\d+)$", short.replace("=", ""))
    parameter = float(value.group()) if value else None
    kind = short[: -len(value.group())] if value else short
    kind = re.sub(r"(rho|gamma|delta)?=?$", "", kind)
    match kind:
        case "of" | "obf" | "obrienfleming":
            return wang_tsiatis(times, alpha=alpha, sides=sides, delta=0.0)
        case "p" | "pocock":
            return wang_tsiatis(times, alpha=alpha, sides=sides, delta=0.5)
        case "wt" | "wangtsiatis":
            return wang_tsiatis(times, alpha=alpha, sides=sides, delta=parameter or 0.0)
        case "hp" | "haybittlepeto":
            return haybittle_peto(times, alpha=alpha, sides=sides, interim=parameter or 3.0)
        case "asof" | "ldof" | "ldobf" | "landemetsobf" | "landemetsobrienfleming":
            return spending_lines(Spending("lan_demets_obf"), alpha, sides, times)
        case "asp" | "ldp" | "ldpocock" | "landemetspocock":
            return spending_lines(Spending("lan_demets_pocock"), alpha, sides, times)
        case "ashsd" | "hsd" | "hsd+":
            gamma = -4.0 if parameter is None else parameter
            return spending_lines(Spending("hsd", gamma), alpha, sides, times)
        case "askd" | "kd" | "power" | "kimdemets":
            return spending_lines(Spending("power", parameter or 3.0), alpha, sides, times)
        case "fixed":
            return spending_lines(Spending("at_the_end"), alpha, sides, times)
        case "naive":
            return lines(times, (float(-ndtri(alpha / sides)),) * len(times), sides=sides)
        case "bayes" | "bayesflat" | "flat" | "bayesp>" | "bayesflatp>":
            # P(better) above p under a flat prior, either way: a plain z at every look.
            height = float(ndtri(parameter if parameter and parameter < 1 else 0.95))
            return lines(times, (height,) * len(times), sides=sides)
        case "bonferroni" | "bonf":
            level = alpha / sides / len(times)
            return lines(times, (float(-ndtri(level)),) * len(times), sides=sides)
        case "yeast":
            return lines(
                times, [yeast_line(t, alpha=alpha, sides=sides) for t in times], sides=sides
            )
        case "mix" | "mixture" | "msprt" | "gavi" | "asympcs" | "cs":
            tuned = parameter or 1.0
            heights = [mixture_line(t * tuned, alpha=alpha, sides=sides) for t in times]
            return lines(times, heights, sides=sides)
    raise ValueError(f"design {name!r} is not known")


def designed(design: str, alpha: float, sides: int) -> Boundaries:
    """A design in words, e.g. "lan_demets_obf K=5" or "fixed"."""
    words = re.fullmatch(r"(.+?)(?:[\s,]+K\s*=\s*(\d+))?", design)
    name, looks = words.groups() if words else (design, None)
    return named_design(name, equal_times(int(looks or 1)), alpha, sides)
