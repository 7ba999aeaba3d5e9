import math
from itertools import combinations

import numpy as np
import pytest
from fairlift_stats.methods.one_rate import clopper_pearson
from fairlift_stats.sequential.anytime.many_questions import closed_test, e_discoveries
from fairlift_stats.sequential.anytime.mixture import log_e_value
from fairlift_stats.sequential.errors import BadLevel, NotANumber
from hypothesis import given
from hypothesis import strategies as st

evidence = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 500), min_size=1)


@given(e_values=evidence)
def test_the_closed_test_asks_every_set_of_variants(e_values: dict[str, float]) -> None:
    whole = {name: float(round(e)) for name, e in e_values.items()}
    sets = [s for k in range(1, len(whole) + 1) for s in combinations(whole, k)]

    named = {
        name
        for name in whole
        if all(sum(whole[n] for n in s) >= 20 * len(s) for s in sets if name in s)
    }

    assert set(closed_test(whole)) == named


@given(e_values=evidence)
def test_closing_names_at_least_what_bonferroni_does(e_values: dict[str, float]) -> None:
    bonferroni = {name for name, e in e_values.items() if e >= len(e_values) / 0.05 + 1e-6}

    assert bonferroni <= set(closed_test(e_values))
    assert bonferroni <= set(e_discoveries(e_values))


def test_no_variant_differs_and_few_campaigns_name_one() -> None:
    rng, runs = np.random.default_rng(12), 2000
    shared = rng.standard_normal(runs)
    z = (rng.standard_normal((3, runs)) - shared) / math.sqrt(2)
    named = sum(
        bool(closed_test({str(i): math.exp(log_e_value(float(x), 8.2)) for i, x in enumerate(row)}))
        for row in z.T
    )

    assert clopper_pearson(named, runs, confidence=0.99).low < 0.05


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: closed_test({}), NotANumber),
        (lambda: closed_test({"a": math.nan}), NotANumber),
        (lambda: e_discoveries({"a": -1.0}), NotANumber),
        (lambda: e_discoveries({"a": 1.0}, alpha=0.0), BadLevel),
    ],
)
def test_evidence_that_is_none_is_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()  # type: ignore[operator]
