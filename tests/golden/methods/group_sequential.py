"""Planned looks: constants, spending, exits and sizes."""

import math

from fairlift_stats.sequential.anytime.mixture import (
    yeast_line,
)
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    exit_probabilities,
)
from fairlift_stats.sequential.group_sequential.characteristics import (
    characteristics,
    drift_for_power,
    fixed_drift,
    inflation,
)
from fairlift_stats.sequential.group_sequential.classical_lines import (
    equal_times,
    haybittle_peto,
    lines,
    type_one,
    wang_tsiatis,
)
from fairlift_stats.sequential.group_sequential.futility import futility_design
from fairlift_stats.sequential.group_sequential.spending import Side
from scipy.special import ndtri

from tests.golden.designs import design_row, designed, named_design, spending_lines, spending_of
from tests.golden.forms import Forms
from tests.golden.methods.exchange import (
    Json,
    Methods,
    listed,
    numbers,
    registering,
)

METHODS: Methods = {}
method = registering(METHODS)


@method
def obrien_fleming_classical(*, alpha: float, sides: int, K: int) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=0.0).upper


@method
def obrien_fleming_constant(*, alpha: float, sides: int, K: int) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=0.0).upper[-1]


@method
def pocock_constant(*, alpha: float, sides: int, K: int) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=0.5).upper[-1]


@method
def wang_tsiatis_(*, alpha: float, sides: int, K: int, delta: float) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=delta).upper


METHODS["wang_tsiatis"] = METHODS.pop("wang_tsiatis_")


@method
def haybittle_peto_(*, alpha: float, sides: int, K: int, interim: float = 3.0) -> Json:  # noqa: N803 - the file's name
    return haybittle_peto(equal_times(K), alpha=alpha, sides=sides, interim=interim).upper[-1]


METHODS["haybittle_peto"] = METHODS.pop("haybittle_peto_")


@method
def naive_peeking_type1(*, z: float, K: Json, sides: int = 2) -> Json:  # noqa: N803 - the file's name
    found = [type_one(lines(equal_times(k), (z,) * k, sides=sides)) for k in listed(K)]
    return Forms((found, found[0]))


@method
def spending_bounds(
    *,
    spending: str,
    alpha: float,
    sides: int,
    t: list[Json],
    note: str = "",  # noqa: ARG001 - remarks of the file
    **parameters: float,
) -> Json:
    return spending_lines(spending_of(spending, **parameters), alpha, sides, numbers(t)).upper


@method
def beta_spending_design(
    *, alpha: float, beta: float, t: list[Json], upper: Json, lower: Json, binding: bool = False
) -> Json:
    design = futility_design(
        numbers(t),
        success=Side(spending_of(upper.pop("spending"), **upper), alpha),
        give_up=Side(spending_of(lower.pop("spending"), **lower), beta),
        binding=binding,
    )
    low = list(design.boundaries.lower)
    return {
        "upper": design.boundaries.upper,
        # rpact leaves out the last, where both lines meet.
        "lower": Forms((low, low[:-1])),
        "inflation": design.inflation,
        "drift": design.drift,
        "asn_h0": design.mean_size(0.0),
        "asn_h01": design.mean_size(0.5),
        "asn_h1": design.mean_size(1.0),
    }


@method
def inflation_asn(*, alpha: float, sides: int, beta: float, rows: list[str]) -> Json:
    found = [design_row(row, alpha, sides) for row in rows]
    fixed = fixed_drift(alpha=alpha, sides=sides, power=1 - beta)
    ratios = [inflation(b, alpha=alpha, sides=sides, power=1 - beta) for b in found]
    pairs = list(zip(found, ratios, strict=True))

    def mean_sizes(share: float) -> list[float]:
        return [
            r * float(exit_probabilities(b, [share * fixed * math.sqrt(r)]).expected_time[0])
            for b, r in pairs
        ]

    return {
        "inflation": ratios,
        "asn_h0": mean_sizes(0.0),
        "asn_h01": mean_sizes(0.5),
        "asn_h1": mean_sizes(1.0),
    }


@method
def exit_probabilities_(
    *,
    bounds: list[float],
    sides: int = 2,
    t: list[Json],
    drift: list[float],
    lower: list[float] | None = None,
) -> Json:
    found = lines(numbers(t), bounds, sides=sides)
    if lower is not None:
        found = Boundaries(found.times, tuple(lower), found.upper)
    exits = exit_probabilities(found, drift)
    return {
        "p_upper": exits.up,
        "p_lower": exits.down,
        "power": exits.power,
        "asn": exits.expected_time,
    }


METHODS["exit_probabilities"] = METHODS.pop("exit_probabilities_")


@method
def drift_for_power_(
    *, spending: str, alpha: float, sides: int, t: list[Json], power: float, **parameters: float
) -> Json:
    found = spending_lines(spending_of(spending, **parameters), alpha, sides, numbers(t))
    return drift_for_power(found, power)


METHODS["drift_for_power"] = METHODS.pop("drift_for_power_")


def sample_sizes(
    unit: float, null_unit: float, design: str, alpha: float, sides: int, power: float
) -> Json:
    """Totals of two equal arms; `unit` is the size at drift 1, `null_unit` per squared critical."""
    bounds = designed(design, alpha, sides)
    ratio = inflation(bounds, alpha=alpha, sides=sides, power=power)
    fixed = (float(-ndtri(alpha / sides)) * null_unit + float(ndtri(power)) * unit) ** 2
    drift = drift_for_power(bounds, power)
    mean = float(exit_probabilities(bounds, [drift]).expected_time[0])
    return {
        "n_fixed_total": fixed,
        "n_max_total": fixed * ratio,
        "expected_n_h1_total": fixed * ratio * mean,
    }


@method
def sample_size_rates(
    *, pi1: float, pi2: float, alpha: float, sides: int, power: float, design: str
) -> Json:
    # Fleiss: the pooled variance under no effect, the arms' own under the effect.
    pooled = (pi1 + pi2) / 2
    gap = abs(pi1 - pi2)
    own = math.sqrt(2 * (pi1 * (1 - pi1) + pi2 * (1 - pi2))) / gap
    null = math.sqrt(4 * pooled * (1 - pooled)) / gap
    return sample_sizes(own, null, design, alpha, sides, power)


@method
def sample_size_means(
    *, delta: float, sd: float, alpha: float, sides: int, power: float, design: str
) -> Json:
    unit = 2 * sd / abs(delta)
    return sample_sizes(unit, unit, design, alpha, sides, power)


@method
def yeast_boundary(*, alpha: float, t: list[Json] | None = None) -> Json:
    found: dict[str, Json] = {
        "z_one_sided": yeast_line(1.0, alpha=alpha, sides=1),
        "z_two_sided": yeast_line(1.0, alpha=alpha, sides=2),
    }
    if t is not None:
        found["bounds_one_sided"] = [yeast_line(x, alpha=alpha, sides=1) for x in numbers(t)]
        found["bounds_two_sided"] = [yeast_line(x, alpha=alpha, sides=2) for x in numbers(t)]
    return found


@method
def operating_characteristics(
    *,
    rule: str,
    K: int,  # noqa: N803 - the file's name
    drift_unit: float | None = None,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.8,
) -> Json:
    bounds = named_design(rule, equal_times(K), alpha, sides)
    found = characteristics(bounds, alpha=alpha, sides=sides, power=power)
    unit = (
        drift_unit if drift_unit is not None else fixed_drift(alpha=alpha, sides=sides, power=power)
    )
    exits = exit_probabilities(bounds, [unit, 2 * unit])
    return {
        "type1": found.type_one,
        "power_1": float(exits.power[0]),
        "asn_1": float(exits.expected_time[0]),
        "asn_2": float(exits.expected_time[1]),
        "n80_over_nfixed": found.inflation,
    }
