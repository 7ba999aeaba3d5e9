"""A report as a table: one row per metric and treatment, plain figures in named columns."""

import math
import pickle

import pandas as pd
import pytest
from fairlift_stats import Analysis, Guardrail, Interval, Rate, Report, Summary

CONVERSION = Rate("conversion_rate", "bought")
UNSUBSCRIBED = Guardrail(Rate("unsubscribe_rate", "left", direction="lower"), margin=0.25)


def _report(control_buyers: int = 100) -> Report:
    analysis = Analysis(primary=(CONVERSION,), guardrails=(UNSUBSCRIBED,))
    return analysis.report(
        {
            "control": Summary.from_sums(2000, {"bought": control_buyers, "left": 300}, {}),
            "ten": Summary.from_sums(2000, {"bought": 130, "left": 310}, {}),
            "twenty": Summary.from_sums(2000, {"bought": 138, "left": 380}, {}),
        }
    )


def test_a_table_has_a_column_for_each_figure() -> None:
    report = _report()

    table = pd.DataFrame(report.results).set_index(["metric", "variant"])

    assert len(table) == 4
    for result in report.results:
        row, difference, lift = (
            table.loc[(result.metric, result.variant)], result.difference, result.lift
        )  # fmt: skip
        assert row["role"] == result.role
        assert row["n"] == 4000
        assert row["control"] == result.control.estimate
        assert row["treatment"] == result.treatment.estimate
        assert (row["p_value"], row["adjusted_p"]) == (result.p_value, result.adjusted_p)
        for name, effect in (("difference", difference), ("lift", lift)):
            assert Interval(row[f"{name}_low"], row[f"{name}_high"]) == effect.interval
            wide = Interval(row[f"{name}_simultaneous_low"], row[f"{name}_simultaneous_high"])
            assert wide.low < effect.interval.low < row[name] < effect.interval.high < wide.high
        assert row["method"] == result.method
    # 130/2000 − 100/2000, and the ratio of the two.
    assert table.loc[("conversion_rate", "ten"), "difference"] == pytest.approx(0.015)
    assert table.loc[("conversion_rate", "ten"), "lift"] == pytest.approx(0.3)


def test_columns_of_figures_are_numbers_and_of_margins_too() -> None:
    table = pd.DataFrame(_report().results)

    texts = {"metric", "role", "variant", "margin_holds", "cannot_say", "flags", "method"}
    assert {*table.columns} - {*table.select_dtypes("number").columns} == texts
    guardrails = table[table["role"] == "guardrail"]
    assert [*guardrails["margin"]] == [0.25, 0.25]
    assert [*guardrails["margin_holds"]] == [True, False]
    assert table[table["role"] == "primary"]["margin"].isna().all()


def test_what_cannot_be_said_is_no_number_but_keeps_its_limit() -> None:
    result = _report(control_buyers=0)["conversion_rate", "ten"]

    assert (result["lift"], result["cannot_say"]) == (None, "control_zero")
    assert result["lift_low"] == result.lift.interval.low
    assert result["lift_high"] == result["lift_simultaneous_high"] == math.inf
    assert result["difference"] == pytest.approx(0.065)


def test_a_row_has_its_columns_in_the_order_of_reading() -> None:
    row = dict(_report()["unsubscribe_rate", "twenty"])

    assert [*row][:7] == ["metric", "role", "variant", "n", "control", "treatment", "difference"]
    assert len(row) == len(_report().results[0])
    with pytest.raises(KeyError):
        _report().results[0]["posterior"]


def test_a_result_travels_between_processes() -> None:
    result = _report()["conversion_rate", "ten"]

    assert pickle.loads(pickle.dumps(result)) == result
    assert result != _report()["conversion_rate", "twenty"]
