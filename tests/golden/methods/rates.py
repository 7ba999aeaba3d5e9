"""Shares: one rate, two rates, and the split of the visitors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fairlift_stats.effects import Interval
from fairlift_stats.methods import one_rate as rates
from fairlift_stats.methods import two_rates as rates_compared
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.methods.stratification import mantel_haenszel
from fairlift_stats.methods.two_rates import TwoRates

from tests.golden.forms import Forms
from tests.golden.methods.exchange import Found, any_level, ci


def _two_rates(method: Callable[..., Interval], **fixed: bool) -> Callable[..., Found]:
    def answer(xt: float, nt: float, xc: float, nc: float, confidence: float = 0.95) -> Found:
        return ci(method(TwoRates(xt, nt, xc, nc), confidence=confidence, **fixed))

    return answer


def _one_rate(method: Callable[..., Interval]) -> Callable[..., Found]:
    def answer(x: float, n: float, confidence: float = 0.95) -> Found:
        return ci(method(x, n, confidence=confidence))

    return answer


def jeffreys(x: float, n: float, confidence: float = 0.95) -> Found:
    """With the ends that Brown et al. advise, or without as statsmodels has it."""
    both = (rates.jeffreys(x, n, confidence=confidence, open_ends=ends) for ends in (True, False))
    return {"ci": Forms([found.low, found.high] for found in both)}


def _exact(test: str) -> Callable[..., Found]:
    def answer(xt: float, nt: float, xc: float, nc: float) -> Found:
        counts = TwoRates(xt, nt, xc, nc)
        return {
            name: rates_compared.exact_p(counts, test, alternative=side)  # type: ignore[arg-type]
            for name, side in (("p", "two-sided"), ("p_greater", "greater"), ("p_less", "less"))
        }

    return answer


def pooled_z(xt: float, nt: float, xc: float, nc: float) -> Found:
    z, p = rates_compared.score_p(TwoRates(xt, nt, xc, nc), corrected=False)
    return {"z": z, "p": p}


def ni_farrington_manning(xt: float, nt: float, xc: float, nc: float, margin: float) -> Found:
    counts = TwoRates(xt, nt, xc, nc)
    return {"p": rates_compared.rate_non_inferior(counts, difference=margin, corrected=False)}


def srm(observed: Sequence[int], weights: Sequence[float]) -> Found:
    """Pearson's test at any size, as R and gbstats have it; below 50 units ours is exact."""
    names = [str(i) for i in range(len(observed))]
    check = sample_ratio(
        dict(zip(names, observed, strict=True)),
        dict(zip(names, weights, strict=True)),
        exact_below=0,
    )
    return {"x2": check.statistic, "df": check.df, "p": check.p_value}


def cmh(cells: Sequence[Mapping[str, Any]]) -> Found:
    strata = [TwoRates(cell["xt"], cell["nt"], cell["xc"], cell["nc"]) for cell in cells]
    statistic, p = mantel_haenszel(strata)
    return {"x2": statistic, "p": p}


METHODS = any_level(
    jeffreys,
    pooled_z,
    ni_farrington_manning,
    srm,
    cmh,
    diff_newcombe=_two_rates(rates_compared.newcombe),
    diff_score_mn=_two_rates(rates_compared.score_difference),
    diff_score_mee=_two_rates(rates_compared.score_difference, corrected=False),
    diff_wald=_two_rates(rates_compared.wald),
    diff_agresti_caffo=_two_rates(rates_compared.agresti_caffo),
    ratio_score_mn=_two_rates(rates_compared.score_ratio),
    ratio_score_koopman=_two_rates(rates_compared.score_ratio, corrected=False),
    ratio_katz_log=_two_rates(rates_compared.katz),
    ratio_log_adjusted=_two_rates(rates_compared.katz, adjusted=True),
    wilson=_one_rate(rates.wilson),
    clopper_pearson=_one_rate(rates.clopper_pearson),
    fisher_exact=_exact("fisher"),
    barnard=_exact("barnard"),
    boschloo=_exact("boschloo"),
)
