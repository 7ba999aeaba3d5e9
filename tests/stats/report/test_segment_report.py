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
    assert few.alone == "web"


def test_a_large_segment_is_never_left_out_for_too_few_units() -> None:
    """Each is told by what stops it: a profit below zero, no order to divide by, one price."""

    def arms(control: tuple[float, ...], treatment: tuple[float, ...], units: int) -> Any:
        return {
            arm: Summary.from_rows({"profit": list(values) * units})
            for arm, values in (("control", control), ("b", treatment))
        }

    cells = {
        "web": arms((1.0, 3.0), (2.0, 3.0), 400),
        "app": arms((1.0, 3.0), (1.0, 4.0), 400),
        "one": {a: Summary.from_rows({"profit": [2.0]}) for a in ("control", "b")},
        "loss": arms((-1.0, -3.0), (-2.0, -3.0), 400),
        "loss of the treatment": arms((1.0, 3.0), (-2.0, -3.0), 400),
        "nothing": arms((0.0, 0.0), (0.0, 0.0), 400),
        "no control": arms((0.0, 0.0), (1.0, 3.0), 400),
        "no treatment": arms((1.0, 3.0), (0.0, 0.0), 400),
        "one price": arms((2.0, 2.0), (3.0, 3.0), 400),
    }
    family = Analysis(primary=(Mean("profit", "profit"),)).segments(cells)[0]

    assert [each.segment for each in family.segments] == ["web", "app"]
    assert family.alone == ""
    assert {name: each.reason for name, each in family.left_out.items()} == {
        "one": CannotSayCode.TOO_FEW_UNITS,
        "loss": CannotSayCode.NOT_POSITIVE,
        "loss of the treatment": CannotSayCode.NOT_POSITIVE,
        "nothing": CannotSayCode.NO_EVENTS,
        "no control": CannotSayCode.CONTROL_ZERO,
        "no treatment": CannotSayCode.TREATMENT_ZERO,
        "one price": CannotSayCode.NO_VARIATION,
    }


def test_a_segment_without_orders_has_no_ticket() -> None:
    def arms(orders: int) -> dict[str, Summary]:
        rows = {"revenue": [20.0 * orders, 30.0 * orders] * 50, "orders": [float(orders)] * 100}
        return {arm: Summary.from_rows(rows) for arm in ("control", "b")}

    cells = {"web": arms(1), "app": arms(2), "kiosk": arms(0)}
    family = Analysis(primary=(Ratio("ticket", "revenue", "orders"),)).segments(cells)[0]

    assert {name: each.reason for name, each in family.left_out.items()} == {
        "kiosk": CannotSayCode.NO_DENOMINATOR
    }


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
