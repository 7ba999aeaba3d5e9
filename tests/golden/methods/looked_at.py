"""What planned looks have shown so far: inference at a stop, and the chances ahead."""

import math
import re

import numpy as np
from fairlift_stats.sequential.group_sequential.classical_lines import (
    equal_times,
    lines,
)
from fairlift_stats.sequential.group_sequential.estimation import (
    estimate_at_stop,
    repeated_interval,
    repeated_p_values,
)
from fairlift_stats.sequential.group_sequential.forecast import (
    conditional_exits,
    first_reaching,
    predictive_exits,
    shrunk_drift,
)
from fairlift_stats.sequential.group_sequential.futility import futility_design
from fairlift_stats.sequential.group_sequential.spending import Side, Spending

from tests.golden.designs import designed, spending_lines, spending_of
from tests.golden.forms import Forms
from tests.golden.methods.exchange import (
    Json,
    Methods,
    numbers,
    registering,
)

METHODS: Methods = {}
method = registering(METHODS)


@method
def repeated_p_value(
    *, spending: str, sides: int, t: list[Json], z: list[float], **parameters: float
) -> Json:
    found = repeated_p_values(
        spending_of(spending, **parameters), times=numbers(t), z=z, sides=sides
    )
    return Forms((found, found[-1]))


@method
def stagewise_inference(
    *,
    t: list[Json],
    bounds: list[float] | None = None,
    sides: int,
    stop_look: int,
    z: float,
    estimate: float | None = None,
    se: float | None = None,
    spending: str | None = None,
) -> Json:
    times = numbers(t)[:stop_look]
    if bounds is None:
        alpha = re.search(r"alpha\s*=\s*([\d.]+)", spending or "")
        words = re.sub(r"\s*alpha\s*=.*", "", spending or "")
        level = float(alpha.group(1)) if alpha else 0.05
        bounds = list(spending_lines(spending_of(words), level, sides, times).upper)
    heights = [*bounds, *[math.inf] * stop_look][:stop_look]
    stop = estimate_at_stop(lines(times, heights, sides=sides), z=z, se=se, sides=sides)
    root_t = math.sqrt(times[-1])
    found: dict[str, Json] = {
        "p_value": stop.p_value,
        "mue_drift": stop.drift,
        "mue": stop.median_unbiased,
        "ci95": [stop.effect_interval.low, stop.effect_interval.high],
        "ci95_drift": [stop.interval.low, stop.interval.high],
        "ci95_drift_at_last_look": [stop.interval.low * root_t, stop.interval.high * root_t],
    }
    if estimate is not None and se is not None:
        rci = repeated_interval(estimate, se, heights[-1])
        found["rci"] = [rci.low, rci.high]
    if spending is not None:
        words = re.sub(r"\s*alpha\s*=.*", "", spending)
        looks = [0.0] * (stop_look - 1) + [z]
        found["repeated_p"] = repeated_p_values(
            spending_of(words), times=times, z=looks, sides=sides
        )[-1]
    return found


@method
def conditional_exit(
    *,
    look: int,
    z: float,
    design: str | None = None,
    theta_at_t1_fixed: list[float] | None = None,
    spending: str | None = None,
    alpha: float = 0.05,
    sides: int = 2,
    t: list[Json] | None = None,
    drift: Json = "z/sqrt(t)",
    **parameters: float,
) -> Json:
    if design is not None and not design.startswith("gs-default"):
        found = designed(design, alpha, sides)
        drifts = drift if isinstance(drift, list) else [z / math.sqrt(found.times[look - 1])]
        return {"p_upper_next": conditional_exits(found, drifts, look=look, z=z).up}
    if design is not None:
        # gsDesign(): k = 3, test.type = 4, alpha .025, beta .1, HSD(-4) and HSD(-2).
        default = futility_design(
            equal_times(3),
            success=Side(Spending("hsd", -4.0), 0.025),
            give_up=Side(Spending("hsd", -2.0), 0.1),
        )
        thetas = [theta * math.sqrt(default.inflation) for theta in theta_at_t1_fixed or []]
        return {"p_upper_next": conditional_exits(default.boundaries, thetas, look=look, z=z).up}
    times = numbers(t or [])
    bounds = spending_lines(spending_of(spending or "", **parameters), alpha, sides, times)
    now = z / math.sqrt(times[look - 1])
    drifts = [
        now if isinstance(d, str) else d for d in (drift if isinstance(drift, list) else [drift])
    ]
    exits = conditional_exits(bounds, drifts, look=look, z=z)
    wins = np.cumsum(exits.up, axis=1)
    mean, sd = shrunk_drift(z, times[look - 1])
    predicted = predictive_exits(bounds, look=look, z=z, mean=mean, sd=sd)[0]
    when = first_reaching(times[look:], wins[0].tolist(), 0.5)
    return {
        "p_upper_next": exits.up,
        "cum_p_win": wins if isinstance(drift, list) else wins[0],
        "median_win_look": None if when is None else times.index(when) + 1,
        "predictive_prob_flat_prior": predicted[-1],
    }
