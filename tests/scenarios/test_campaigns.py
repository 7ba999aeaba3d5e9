"""The eight campaigns: the verdict is the plan's, and the truth lies within the intervals."""

from collections.abc import Callable
from functools import cache

import pytest
from fairlift_server.results.look import LookResult
from scipy.stats import binom

from tests.ledger_oracle.product import empty_store
from tests.scenarios.campaigns import SCENARIOS
from tests.scenarios.run import claims, result_of

# Chosen before the first run, and kept.
SEED = 20_260_302

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LookResult]:
    """The result of a campaign by its name, computed once in each process of the tests."""
    folder = tmp_path_factory.mktemp("scenarios")
    empty = empty_store(folder)

    @cache
    def computed(name: str) -> LookResult:
        return result_of(SCENARIOS[name], SEED, empty, folder / f"{name}.db")

    return computed


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_verdict_is_what_the_plan_says(name: str, result: Callable[[str], LookResult]) -> None:
    found = result(name)

    assert found.verdict is not None
    assert found.verdict.kind == SCENARIOS[name].verdict, found.verdict.headline
    assert found.failures == {}


def test_the_truth_is_within_the_intervals_at_the_promised_rate(
    result: Callable[[str], LookResult],
) -> None:
    """Of all intervals of the campaigns; 95 % each, and those of one campaign hang together."""
    made = [claim for name, each in SCENARIOS.items() for claim in claims(each, result(name))]
    missed = [claim for claim in made if not claim.holds]

    assert len(made) >= 25
    # More misses than this have a chance below 1 in 1,000 where each interval holds 95 %.
    assert len(missed) <= binom.ppf(0.999, len(made), 0.05), missed
