"""What an analyst would get wrong is refused: where, what is there, the rule, a way out."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from statistics import variance
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fairlift_stats import (
    BadFrame,
    BadQuestion,
    Funnel,
    Guardrail,
    Mean,
    MissingColumn,
    Quantile,
    Rate,
    Ratio,
    UnknownVariant,
    analyze,
    summarize,
)
from scipy import stats

from tests.stats.frames.frames import FRAMES

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

ROWS: Mapping[str, Sequence[Any]] = {
    "id": [1, 2, 3, 4, 5, 6],
    "variant": ["control", "new", "control", "new", "control", "new"],
    "bought": [0, 1, 1, 1, 0, 0],
    "revenue": [0.0, 12.5, 20.0, 8.0, 0.0, 0.0],
}
REVENUE = Mean("revenue_per_visitor", "revenue")
BOUGHT = Rate("conversion_rate", "bought")


def rows(**columns: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame({**ROWS, **columns})


def polars_rows(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({**ROWS, **columns})


WRONG: list[tuple[str, pd.DataFrame, Mapping[str, Any], type[Exception], str]] = [
    ("a column that is not there", rows(), {"metrics": [Mean("m", "revenu")]}, MissingColumn,
     r"column 'revenu' is not in the frame, which has \['id', 'variant', .*did you mean 'revenue'"),
    ("a unit without a value", rows(revenue=[0, None, 1, 2, 3, 4]), {}, BadFrame,
     r"column 'revenue': 1 units have no value \(null or NaN\).*Fill in 0"),
    ("an infinite value", rows(revenue=[0, 1, 2, 3, np.inf, 4]), {}, BadFrame,
     r"column 'revenue': goes from 0 to inf; values must be finite.*cap"),
    ("values whose powers are no numbers", rows(revenue=[0, 1e-160, 2e-160, 0, -3e-160, 0]), {},
     BadFrame, r"column 'revenue': goes from -3e-160 to 2e-160; .* must reach 1e-75 .*Multiply"),
    ("a negative number in a rate", rows(bought=[0, 1, -1, 0, 1, 0]), {"metrics": [BOUGHT]},
     BadFrame, r"column 'bought': goes from -1 to 1; a rate.*\(bought > 0\), or use Mean"),
    ("a count in a rate", rows(bought=[0, 1, 3, 0, 1, 0]), {"metrics": [BOUGHT]}, BadFrame,
     r"column 'bought': goes from 0 to 3"),
    ("a share in a rate", rows(bought=[0, 1, 0.5, 0, 1, 0]), {"metrics": [BOUGHT]}, BadFrame,
     r"column 'bought': goes from 0 to 1"),
    ("a count of buyers", rows(bought=[0, 1, 3, 0, 1, 0]),
     {"metrics": [Mean("m", "revenue", buyers="bought")]}, BadFrame, "goes from 0 to 3"),
    ("booleans as text", rows(bought=["true", "false"] * 3), {"metrics": [BOUGHT]}, BadFrame,
     r"column 'bought': holds text, as 'true', 'false', 'true'; .* bought == 'true'"),
    ("times", rows(revenue=pd.to_datetime(["2026-01-01"] * 6)), {}, BadFrame,
     r"column 'revenue': holds times.*Take a difference of times"),
    ("a control that does not occur", rows(), {"control": "kontrol"}, UnknownVariant,
     r"control: is 'kontrol'.*column 'variant'; it has .*'new'\]; did you mean 'control'"),
    ("one variant only", rows(variant=["control"] * 6), {}, UnknownVariant,
     "column 'variant': has only 'control'; a comparison needs another"),
    ("a row without a variant", rows(variant=["control", None, "new", "new", "new", "new"]), {},
     BadFrame, "column 'variant': 1 rows have no variant.*Leave these rows out"),
    ("an amount as the variant", rows(), {"variant": "revenue", "control": 0}, BadFrame,
     "column 'revenue': holds numbers.*variants are text, categories"),
    ("no rows", rows().iloc[:0].astype({"variant": "str"}), {}, BadFrame, "frame: has no rows"),
    ("repeated units", rows(id=[7, 7, 8, 8, 8, 9], variant=["control", "new"] * 3),
     {"unit": "id"}, BadFrame,
     r"column 'id': 2 units have more than one row, as 7; 2 of them saw more than one variant"),
    ("a row without a unit", rows(id=[1, None, 2, 3, 4, 5]), {"unit": "id"}, BadFrame,
     "column 'id': 1 rows have no unit"),
    ("an id as the variant", pd.DataFrame({"variant": [f"v{i}" for i in range(101)],
     "revenue": range(101)}), {"control": "v1"}, BadFrame, "more than 100 different values"),
    ("an amount as a segment", rows(), {"segments": ["revenue"]}, BadFrame,
     "segments are text, categories.*Cut numbers"),
    ("a segment with the name of those without one",
     rows(device=["(missing)", None, "(missing)", None, None, "(missing)"]),
     {"segments": ["device"]}, BadFrame,
     r"column 'device': 3 rows have no value, and 3 have '\(missing\)'.*another value"),
]  # fmt: skip


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("name", ["fairlift_rows", "fairlift_variants", "rows", "unit", "units"])
def test_the_column_of_the_units_may_have_any_name(library: str, name: str) -> None:
    once = rows().rename(columns={"id": name})
    twice = once.assign(**{name: [7, 7, 8, 8, 8, 9]})

    analyze(FRAMES[library](once), metrics=[BOUGHT], unit=name)
    with pytest.raises(BadFrame, match=f"'{name}': 2 units have more than one row, as 7; 2 of"):
        analyze(FRAMES[library](twice), metrics=[BOUGHT], unit=name)


@pytest.mark.parametrize(
    ("frame", "asked", "error", "message"),
    [pytest.param(*case[1:], id=case[0]) for case in WRONG],
)
@pytest.mark.parametrize("library", ["pandas", "polars", "DuckDB"])
def test_is_refused(
    library: str,
    frame: pd.DataFrame,
    asked: Mapping[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    arguments: dict[str, Any] = {"metrics": [REVENUE], **asked}

    with pytest.raises(error, match=message):
        analyze(FRAMES[library](frame), **arguments)


@pytest.mark.parametrize(
    "frame",
    [
        polars_rows(revenue=[0.0, float("nan"), 1.0, 2.0, 3.0, None]),
        polars_rows(revenue=[0.0, float("nan"), 1.0, 2.0, 3.0, None]).lazy(),
    ],
    ids=["in memory", "lazy"],
)
def test_nan_is_missing_beside_null(frame: object) -> None:
    with pytest.raises(BadFrame, match="2 units have no value"):
        analyze(frame, metrics=[REVENUE])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([{"variant": "a"}], r"frame: is a list, must be a table.*pandas.DataFrame\(rows\)"),
        (pd.Series([1, 2]), "frame: is a Series"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "give each column a name of its own"),
    ],
)
def test_what_is_no_frame_is_refused(frame: object, message: str) -> None:
    with pytest.raises(BadFrame, match=message):
        summarize(frame)


def test_values_of_several_types_are_refused() -> None:
    with pytest.raises(BadFrame, match=r"holds values of mixed .* Convert it to one type"):
        analyze(rows(revenue=[1, "x", None, 2, 3, 4]), metrics=[REVENUE])


def test_categories_are_no_numbers() -> None:
    frame = rows(bought=pd.Categorical([0, 1, 0, 1, 1, 0]))
    with pytest.raises(BadFrame, match="holds categories"):
        analyze(frame, metrics=[BOUGHT])


@pytest.mark.parametrize(
    ("metrics", "covariates", "message"),
    [
        ([REVENUE], {"revnue": "id"}, "'revnue' is neither a metric.*did you mean 'revenue'"),
        ([REVENUE], {"revenue": "revenue"}, "covariates: 'revenue' is also a metric's column"),
        ([Quantile("large", 0.9)], {}, r"needs its column, as Quantile\('large', 0.9, column="),
        ([], {}, "metrics: is empty"),
        ("revenue", {}, r"metrics: has 'r'; must be metrics, as Mean\('revenue_per_visitor'"),
        ([REVENUE, "bought"], {}, "metrics: has 'bought'; must be metrics"),
    ],
)
def test_a_question_without_an_answer_is_refused(
    metrics: list[Any], covariates: Mapping[str, str], message: str
) -> None:
    with pytest.raises(BadQuestion, match=message):
        analyze(rows(), metrics=metrics, covariates=covariates)


def test_a_single_metric_needs_no_list() -> None:
    report = analyze(rows(), metrics=REVENUE, secondary=BOUGHT)

    assert [result.role for result in report.report.results] == ["primary", "secondary"]
    assert summarize(rows(), metrics=REVENUE)["new"].columns == ("revenue",)


def decimals() -> object:
    return pa.table({**ROWS, "revenue": [Decimal(f"{v}") for v in ROWS["revenue"]]})


@pytest.mark.parametrize(
    "make",
    [
        lambda: rows(variant=pd.Categorical(ROWS["variant"], ["control", "new", "never"])),
        lambda: polars_rows(variant=pl.Series(ROWS["variant"], dtype=pl.Categorical)),
        lambda: pa.table({**ROWS, "variant": pa.array(ROWS["variant"]).dictionary_encode()}),
        decimals,
        lambda: pl.from_arrow(decimals()).lazy(),  # type: ignore[union-attr]
        lambda: rows().convert_dtypes(),
        lambda: rows(bought=[float(value) for value in ROWS["bought"]]),
        lambda: rows(variant=pd.array(ROWS["variant"], dtype="object")),
    ],
)
def test_types_that_mean_the_same_are_taken(make: Callable[[], object]) -> None:
    report = analyze(make(), metrics=[REVENUE, BOUGHT])

    assert report.report.variants == ("control", "new")
    assert report["revenue_per_visitor", "new"].treatment.estimate == pytest.approx(20.5 / 3)
    assert report["conversion_rate", "new"].treatment.estimate == pytest.approx(2 / 3)


@pytest.mark.parametrize("library", FRAMES)
def test_variants_may_be_numbers_or_booleans(library: str) -> None:
    numbers = rows(variant=[0, 1, 0, 1, 0, 1], device=["a", None, "a", "b", "b", "b"])

    report = analyze(
        FRAMES[library](numbers),
        control=0,
        metrics=[BOUGHT],
        segments=("device",),
        weights={0: 1, 1: 3},
    )
    assert report.treatments == ("1",)
    assert report.sample_ratio.expected == {"0": 1.5, "1": 4.5}
    family = report.segments["device"][0]
    assert {*family.left_out, *(s.segment for s in family.segments)} == {"a", "b", "(missing)"}
    truths = rows(variant=[value == 1 for value in numbers["variant"]])
    assert analyze(FRAMES[library](truths), control=False, metrics=[BOUGHT]).treatments == ("True",)


@pytest.mark.parametrize("library", ["polars lazy", "DuckDB", "Ibis"])
def test_columns_may_have_any_name(library: str) -> None:
    """The names that a query gives to its answers are no names of columns."""
    frame = rows(bought=ROWS["bought"], device=["a", "b"] * 3)
    for names in (
        ("units", "rows", "sum0"),
        ("rows", "variants", "centre0"),
        ("Sum0", "n", "fairlift_centre0"),
    ):
        renamed = frame.rename(columns=dict(zip(("variant", "id", "device"), names, strict=True)))
        report = analyze(
            FRAMES[library](renamed),
            metrics=[BOUGHT],
            variant=names[0],
            unit=names[1],
            segments=names[2],
        )
        assert report["conversion_rate", "new"].treatment.estimate == pytest.approx(2 / 3)


def test_many_segments_are_looked_up() -> None:
    many = pd.DataFrame(
        {
            "variant": ["control", "new"] * 60,
            "shop": [f"shop {i // 4:02}" if i > 3 else None for i in range(120)],
            "revenue": [float(i % 7) for i in range(120)],
        }
    )
    family = analyze(many, metrics=[REVENUE], segments="shop").segments["shop"][0]

    assert len(family.segments) + len(family.left_out) == 30
    shop = many[many["shop"] == "shop 05"].groupby("variant")["revenue"].mean()
    found = next(s for s in family.segments if s.segment == "shop 05")
    assert found.raw == pytest.approx(shop["new"] / shop["control"] - 1)


def test_a_label_may_come_late() -> None:
    late = pd.DataFrame(
        {"variant": ["control"] * 20_000 + ["new"] * 50, "revenue": [1.0, 2] * 10_025}
    )

    assert {k: v.n for k, v in summarize(late).items()} == {"control": 20_000, "new": 50}


@pytest.mark.parametrize("library", FRAMES)
def test_large_whole_numbers_add_up_exactly(library: str) -> None:
    values = [2**61, 2**61 - 1, 2**61 - 3, 5, 7, 11]
    summary = summarize(FRAMES[library](rows(revenue=values)), columns=["revenue"])["control"]
    expected = values[0] + values[2] + values[4]

    if library in ("pandas", "polars", "pyarrow"):
        assert summary.sum("revenue") == expected
    assert summary.sum("revenue") == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "values",
    [
        np.array([16_777_216.0, 1, 2, 3, 4_000_001.5, 5], dtype=np.float32),
        np.array([2**63 + 2**40, 1, 2**62, 3, 4, 5], dtype=np.uint64),
        np.array([-(2**7), 1, 127, 3, 4, 5], dtype=np.int8),
        np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
    ],
    ids=["float32", "uint64", "int8", "equal"],
)
def test_narrow_and_wide_numbers_lose_no_digits(values: Any) -> None:
    exact = [float(value) for value in values]
    expected = [exact[0], exact[2], exact[4]]
    spread = float(variance([Fraction(value) for value in expected]))

    in_polars = polars_rows(revenue=values)
    for frame in (rows(revenue=values), in_polars, in_polars.lazy()):
        summary = summarize(frame, columns=["revenue"])["control"]
        assert summary.sum("revenue") == pytest.approx(math.fsum(expected), rel=1e-15)
        assert summary.variance("revenue") == pytest.approx(spread, rel=1e-12, abs=0)


@pytest.mark.parametrize("library", FRAMES)
def test_a_control_without_any_cost_has_no_spread(library: str) -> None:
    n = 3_000
    rng = np.random.default_rng(8)
    cost = np.where(np.arange(n) % 2, rng.random(n), 0.0)
    frame = pd.DataFrame({"variant": ["control", "new"] * (n // 2), "cost": cost})

    result = analyze(FRAMES[library](frame), metrics=[Mean("cost", "cost")])["cost", "new"]
    error = cost[1::2].std(ddof=1) / math.sqrt(n / 2)
    assert result.control.estimate == 0
    assert result["difference_low"] == pytest.approx(
        cost[1::2].mean() - stats.t.ppf(0.975, n / 2 - 1) * error, rel=1e-9
    )
    assert result["cannot_say"] == "control_zero"


def test_a_quantile_of_few_values_leaves_the_others_alone() -> None:
    report = analyze(
        rows(second=[0, 1, 0, 0, 0, 0]),
        metrics=[BOUGHT],
        secondary=[
            Quantile("large", 0.99, column="revenue"),
            Guardrail(REVENUE, margin=0.1),
            Funnel("path", ("bought", "second")),
        ],
    )

    assert report["large", "new"]["cannot_say"] == "too_few_units"
    assert report["conversion_rate", "new"].p_value is not None
    assert report["revenue_per_visitor", "new"].role == "guardrail"
    assert report["path.bought>second", "new"].treatment.estimate == 0.5


def test_covariates_of_every_kind_find_their_metrics() -> None:
    rng = np.random.default_rng(3)
    n = 400
    frame = pd.DataFrame(
        {
            "variant": rng.choice(["control", "new"], n), "bought": rng.integers(0, 2, n),
            "revenue": rng.random(n), "orders": rng.integers(1, 3, n),
            "a": rng.random(n), "b": rng.integers(1, 3, n), "c": rng.random(n),
        }
    )  # fmt: skip
    report = analyze(
        frame,
        metrics=[
            Rate("plain", "bought"),
            Rate("among", "bought", of="bought"),
            Mean("mean", "revenue", covariates=("c",)),
            Ratio("pairs", "revenue", "orders", covariates=(("c", "b"),)),
            Ratio("half", "revenue", "bought"),
            Guardrail(Mean("guard", "orders"), margin=0.1),
            Guardrail(Quantile("median", 0.5, column="revenue"), margin=0.1),
        ],
        covariates={"revenue": ["a"], "orders": "b", "plain": "c", "half": "c", "mean": "a"},
    )
    covariates = {p.metric.name: p.metric.covariates for p in report.analysis.metrics}
    assert covariates == {
        "plain": ("c",), "among": (), "mean": ("c", "a"), "pairs": (("c", "b"), ("a", "b")),
        "half": (("a", None), ("c", None)), "guard": ("b",), "median": (),
    }  # fmt: skip


def test_a_date_is_a_time() -> None:
    with pytest.raises(BadFrame, match="holds times"):
        analyze(polars_rows(revenue=[date(2026, 1, 1)] * 6), metrics=[REVENUE])
