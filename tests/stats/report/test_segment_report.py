"""Segments in a report: adjusted, named, and refused when they cannot be compared."""

import math
from typing import Any

import pytest
from fairlift_stats import (
    Analysis,
    CannotSayCode,
    Mean,
    Rate,
    Ratio,
    Summary,
    UnknownVariant,
)
from fairlift_stats.bayes.segment_shrinkage import log_lift

from tests.stats.strategies import shop, summary_of


def _cells(sizes: dict[str, int], lift: float = 1.0) -> dict[str, dict[str, Summary]]:
    return {
        name: {
            variant: summary_of(shop(n, conversion=0.1 * factor, seed=hash((n, variant)) % 997))
            for variant, factor in (("control", 1.0), ("b", lift))
        }
        for name, n in sizes.items()
    }


def test_a_segment_of_twenty_is_shrunk_and_told_what_it_would_need() -> None:
    cells = _cells({"web": 8000, "app": 6000})
    cells["tiny"] = {
        "control": Summary.from_sums(20, {"converted": 1}, {}),
        "b": Summary.from_sums(20, {"converted": 4}, {}),
    }
    analysis = Analysis(primary=(Rate("conversion_rate", "converted"),))

    family = analysis.segments(cells)[0]

    tiny = family.segments[2]
    assert tiny.n == 40
    assert tiny.raw > 1.0
    assert abs(tiny.lift) < 0.15
    assert tiny.sentence.startswith("tiny: cannot conclude; on its own it would need about ")
    assert tiny.sentence.endswith(" visitors to detect a lift of 10%.")
    assert family.heterogeneity is not None
    assert family.average is not None
    assert not family.left_out


def test_a_clear_effect_is_claimed_in_its_direction() -> None:
    cells = _cells({"web": 20_000, "app": 20_000}, lift=2.0)

    def sentences(direction: Any) -> list[str]:
        metric = Rate("r", "converted", direction=direction)
        return [s.sentence for s in Analysis(primary=(metric,)).segments(cells)[0].segments]

    assert all("better" in s for s in sentences("higher"))
    assert all("worse" in s for s in sentences("lower"))


def test_segments_without_an_answer_are_named() -> None:
    cells = _cells({"web": 3000, "app": 2000})
    nobody = Summary.from_rows({c: [] for c in ("converted", "orders", "revenue", "pre_revenue")})
    cells["nobody"] = {"control": nobody, "b": nobody}
    analysis = Analysis(
        primary=(
            Rate("r", "converted", covariates=("pre_revenue",)),
            Mean("m", "revenue", covariates=("pre_revenue",)),
            Ratio("t", "revenue", "orders", covariates=(("pre_revenue", "converted"),)),
        ),
    )

    for family in analysis.segments(cells):
        assert [s.segment for s in family.segments] == ["web", "app"]
        assert set(family.left_out) == {"nobody"}
        assert family.segments[0].adjusted_p >= family.segments[0].p_value

    few = analysis.segments({"web": cells["web"], "nobody": cells["nobody"]})[0]
    assert few.segments == ()
    assert few.left_out["web"].reason is CannotSayCode.TOO_FEW_UNITS
    assert few.average is None


def test_segments_need_the_same_variants() -> None:
    cells = _cells({"web": 300, "app": 200})
    analysis = Analysis(primary=(Rate("r", "converted"),))

    with pytest.raises(UnknownVariant, match="is empty"):
        analysis.segments({})
    with pytest.raises(UnknownVariant, match="same variants"):
        analysis.segments({**cells, "app": {"control": cells["app"]["control"]}})


def test_a_log_lift_has_an_answer_at_zero() -> None:
    effect, variance = log_lift(0, 20, 3, 20)

    assert float(effect) == pytest.approx(math.log(0.5 / 3.5))
    assert float(variance) == pytest.approx(1 / 0.5 - 1 / 20.5 + 1 / 3.5 - 1 / 20.5)
