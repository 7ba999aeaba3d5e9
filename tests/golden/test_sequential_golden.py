import json
from pathlib import Path

import pytest

from tests.golden.designs import named_design, spending_of
from tests.golden.formulas import evaluated, formula_columns, stream
from tests.golden.methods import METHODS
from tests.golden.run import answer, matches

CASES = json.loads(Path(__file__).with_name("sequential.json").read_text(encoding="utf-8"))


def test_a_wrong_answer_does_not_match() -> None:
    case = next(c for c in CASES if c["id"] == "gs-ldof-2s.05-k5")
    got = answer({**case, "input": {**case["input"], "alpha": 0.06}}, METHODS)

    assert not matches(case["expected"], got, case["tol"])


def test_formulas_in_words_mean_what_they_say() -> None:
    x = stream("x_i = 1 if 7 i mod 20 == 0 else 0, i=1..2000 (100 successes)")
    columns, outcome, regressors = formula_columns("i=1..4: trt=(i even), y=10+.5 trt; y~trt")

    assert (len(x), sum(x)) == (2000, 100)
    assert (outcome, regressors) == ("y", ["trt"])
    assert columns["y"].tolist() == [10, 10.5, 10, 10.5]
    assert evaluated("-2 sin(i) + 3**2", {"i": columns["i"]})[0] == pytest.approx(
        9 - 2 * 0.8414709848
    )


@pytest.mark.parametrize("text", ["__import__('os')", "open", "i.real"])
def test_a_formula_runs_no_program(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        stream(f"x_i = {text}, i=1..3")


@pytest.mark.parametrize(
    "word",
    [
        "bayes.95",
        "bonferroni",
        "hp",
        "ldof",
        "ldpocock",
        "hsd-4",
        "power rho=2",
        "kd2",
        "naive",
        "wt0.25",
    ],
)
def test_designs_have_many_names(word: str) -> None:
    assert named_design(word, (0.5, 1.0), 0.05, 2).upper[0] > 1.6


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="is not known"):
        named_design("guess", (1.0,), 0.05, 2)
    with pytest.raises(ValueError, match="is not known"):
        spending_of("guess")
