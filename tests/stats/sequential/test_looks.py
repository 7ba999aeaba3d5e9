import json
import math
from dataclasses import replace

import pytest
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.errors import (
    BadLevel,
    BadLook,
    BadPlan,
    BeyondPlan,
    FlatPrior,
    InformationFell,
    LooksOutOfOrder,
    NotANumber,
    PlanChanged,
    SequentialError,
    UnknownArm,
    ZeroVariance,
)
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.boundaries import spending_boundaries
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, type_one
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.lines import (
    give_up_lines,
    lines_at,
    sealed,
    stopping_lines,
)
from fairlift_stats.sequential.looks import ArmCount, Cell, Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.sequential.shop import CR, RPV, daily, evidence, look, plan


@settings(max_examples=20, deadline=None)
@given(zs=st.lists(st.floats(-2, 2), min_size=1, max_size=10))
def test_a_log_survives_json_to_the_bit(zs: list[float]) -> None:
    log = daily(plan(), zs)

    assert LookLog.from_json(log.to_json()) == log
    assert LookLog.from_json(log.to_json()).to_json() == log.to_json()


def test_a_plan_survives_json_and_keeps_its_hash() -> None:
    made = plan(
        metrics=(CR, RPV),
        harm_spending=Spending("lan_demets_pocock"),
        futility=None,
        reserve_alpha=0.01,
    )

    assert SequentialPlan.from_json(made.to_json()) == made
    assert SequentialPlan.from_json(made.to_json()).fingerprint() == made.fingerprint()


def test_sealing_a_plan_does_not_change_its_hash_but_any_other_change_does() -> None:
    made = plan()

    assert sealed(made).drift is not None
    assert sealed(sealed(made)) == sealed(made)
    assert sealed(made).fingerprint() == made.fingerprint()
    assert plan(alpha=0.04).fingerprint() != made.fingerprint()


def test_the_log_writes_down_information_and_lines() -> None:
    log = daily(plan(), [0.0, 0.0, 0.0])
    side = Side(Spending("hsd", -4.0), 0.025)
    expected = spending_boundaries([1 / 14, 2 / 14, 3 / 14], upper=side, lower=side)

    assert log.times == pytest.approx([1 / 14, 2 / 14, 3 / 14])
    assert [entry.line.success for entry in log.looks if entry.line] == pytest.approx(
        expected.upper
    )
    assert log.looks[-1].line is not None
    assert log.looks[-1].line.give_up == pytest.approx(give_up_lines(sealed(plan()), log.times)[-1])


def test_a_later_look_never_changes_an_earlier_line() -> None:
    made = sealed(plan())

    assert lines_at(made, equal_times(7)[:3]) == lines_at(made, equal_times(7))[:3]


def test_a_look_is_due_when_a_hundredth_of_the_information_has_come() -> None:
    made, log = plan(), LookLog.begin(plan())
    one = log.add(made, look(made, 1))
    ended = daily(made, [0.0] * 14)

    assert not log.is_due(made, 100)
    assert log.is_due(made, 280)
    assert not one.is_due(made, 2000 + 200)
    assert one.is_due(made, 2000 + 300)
    assert not ended.is_due(made, 40_000)
    almost = log.add(made, look(made, 1, per_day=27_900))
    assert almost.is_due(made, 28_000)


def test_the_look_that_overruns_a_little_is_the_last_and_spends_the_rest() -> None:
    made = plan(futility=None)
    log = daily(made, [0.0] * 13)
    log = log.add(made, look(made, 15))

    assert log.times[-1] > 1
    assert type_one(stopping_lines(made, log.times)) == pytest.approx(0.05, abs=1e-8)
    with pytest.raises(BeyondPlan, match="the plan ends at 28000"):
        log.add(made, look(made, 16))


def test_more_units_than_planned_are_refused() -> None:
    made = plan()

    with pytest.raises(BeyondPlan, match="plan a reserve"):
        LookLog.begin(made).add(made, look(made, 20))


def test_a_reserve_pays_for_an_extension_to_twice_the_plan() -> None:
    made = plan(reserve_alpha=0.01)
    log = daily(made, [0.0] * 14)
    longer = log.add(made, look(made, 20))

    assert made.level == pytest.approx(0.02)
    assert longer.looks[-1].line is not None
    assert longer.looks[-1].line.success == pytest.approx(
        mixture_line(longer.times[-1] / 2, alpha=0.01)
    )
    with pytest.raises(BeyondPlan):
        longer.add(made, look(made, 30))
    one_sided = plan(reserve_alpha=0.01, sides=1)
    assert stopping_lines(one_sided, (0.5, 1.0)).lower == (-math.inf, -math.inf)


def test_every_engine_draws_its_own_lines() -> None:
    times = (0.25, 0.5, 1.0)

    assert stopping_lines(plan(engine="fixed"), times).upper == pytest.approx(
        (math.inf, math.inf, 1.959964), abs=1e-6
    )
    assert stopping_lines(plan(engine="yeast"), times).upper == pytest.approx(
        [yeast_line(t) for t in times]
    )
    assert stopping_lines(plan(engine="yeast", sides=1), times).lower == (-math.inf,) * 3
    assert stopping_lines(plan(engine="always_valid"), times).upper == pytest.approx(
        [mixture_line(t) for t in times]
    )
    bayes = stopping_lines(plan(engine="bayes_expected_loss"), times)
    assert bayes.upper == (math.inf,) * 3
    one_sided = stopping_lines(plan(sides=1), times)
    assert one_sided.lower == (-math.inf,) * 3
    assert type_one(one_sided) == pytest.approx(0.05, abs=1e-8)


def test_more_arms_share_the_error() -> None:
    made = plan(arms=("control", "a", "b", "c"))

    assert made.level == pytest.approx(0.025 / 3)
    assert type_one(stopping_lines(made, equal_times(5))) == pytest.approx(0.05 / 3, abs=1e-8)


@pytest.mark.parametrize(
    "engine", ["group_sequential", "always_valid", "yeast", "fixed", "bayes_expected_loss"]
)
def test_every_engine_can_be_sealed(engine: str) -> None:
    drift = sealed(plan(engine=engine)).drift

    assert drift is not None
    assert drift >= 2.8
    assert (sealed(plan(engine=engine, futility=None)).drift or 0) >= 2.8


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"alpha": 0.0}, BadLevel),
        ({"alpha": 1.0}, BadLevel),
        ({"alpha": math.nan}, BadLevel),
        ({"power": 80.0}, BadLevel),
        ({"sides": 3}, BadPlan),
        ({"arms": ("control",)}, BadPlan),
        ({"arms": ("a", "a")}, BadPlan),
        ({"engine": "guess"}, BadPlan),
        ({"metrics": (CR, CR)}, BadPlan),
        ({"metrics": (RPV,)}, BadPlan),
        ({"metrics": ()}, BadPlan),
        ({"n_max": 1}, BadPlan),
        ({"shares": (0.5, 0.6)}, BadPlan),
        ({"shares": (1.5, -0.5)}, BadPlan),
        ({"shares": (1.0,)}, BadPlan),
        ({"looks": ()}, BadPlan),
        ({"looks": (0.5, 0.4, 1.0)}, BadPlan),
        ({"looks": (0.5,)}, BadPlan),
        ({"minimum_days": -1}, BadPlan),
        ({"minimum_step": math.nan}, BadPlan),
        ({"reserve_alpha": 0.05}, BadPlan),
        ({"reserve_alpha": 0.01, "engine": "yeast"}, BadPlan),
        ({"engine": "bayes_expected_loss", "prior_sd": None}, FlatPrior),
        ({"engine": "bayes_expected_loss", "prior_sd": math.inf}, FlatPrior),
        ({"prior_sd": 0.0}, BadPlan),
        ({"engine": "exact_conversion"}, BadPlan),
    ],
)
def test_a_plan_that_cannot_be_obeyed_is_refused(
    change: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"(is|are|sum|name|has|needs|only) ?"):
        plan(**change)


@pytest.mark.parametrize(
    "metric",
    [{"name": ""}, {"name": "a", "margin": 0.1}, {"name": "a", "role": "guardrail", "margin": 2.0}],
)
def test_a_metric_that_cannot_be_judged_is_refused(metric: dict[str, object]) -> None:
    with pytest.raises(BadPlan):
        PlannedMetric(**metric)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"guess": 1}', '{"arms": 1, "metrics": []}'])
def test_text_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(BadPlan, match=r"plan|arms"):
        SequentialPlan.from_json(text)
    with pytest.raises(BadPlan, match="arms: are"):
        SequentialPlan.from_json('{"arms": ["a"], "metrics": [], "n_max": 10}')


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": "x", "looks": [{}]}'])
def test_text_that_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(BadLook, match="cannot be read"):
        LookLog.from_json(text)


def test_looks_come_in_the_order_of_time() -> None:
    made = plan()
    log = daily(made, [0.0, 0.0, 0.0])

    with pytest.raises(LooksOutOfOrder, match="never inserted"):
        log.add(made, look(made, 2, per_day=4000))
    with pytest.raises(LooksOutOfOrder):
        log.add(made, replace(look(made, 3, per_day=3000), at="2027-01-01", day=2))
    # A time with a zone and one without are both understood.
    zoned = replace(look(made, 4), at="2026-11-30T12:00:00+01:00")
    assert log.add(made, zoned).looks[-1].at == zoned.at


def test_information_that_falls_is_refused() -> None:
    made = plan()
    log = daily(made, [0.0, 0.0, 0.0])

    with pytest.raises(InformationFell, match="must be positive and rise"):
        log.add(made, look(made, 4, per_day=1000))
    with pytest.raises(InformationFell):
        LookLog.begin(made).add(made, look(made, 0))


def test_a_plan_changed_after_a_look_is_refused() -> None:
    log = daily(plan(), [0.0, 0.0])
    other = plan(n_max=56_000)

    with pytest.raises(PlanChanged, match="start a new epoch"):
        log.add(other, look(other, 3))


def test_lines_altered_in_the_log_are_noticed() -> None:
    made = plan()
    kept = json.loads(daily(made, [0.0, 0.0]).to_json())
    kept["looks"][0]["line"]["success"] -= 0.01
    missing = json.loads(daily(made, [0.0, 0.0]).to_json())
    missing["looks"][1]["line"] = None

    for text in (kept, missing):
        with pytest.raises(PlanChanged, match="the lines"):
            LookLog.from_json(json.dumps(text)).check(made)


def test_arms_and_metrics_must_be_the_plans() -> None:
    made = plan()
    fits = look(made, 1)

    for wrong in (
        replace(fits, counts=fits.counts[:1]),
        replace(fits, cells=(Cell("web", (1, 2, 3)),)),
        replace(fits, evidence=(evidence("guess", "coupon", 1.0, 1),)),
        replace(fits, evidence=(evidence("conversion_rate", "control", 1.0, 1),)),
        replace(fits, evidence=(evidence("conversion_rate", "coupon", 1.0, 1),) * 2),
    ):
        with pytest.raises(UnknownArm, match="look: "):
            LookLog.begin(made).add(made, wrong)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: Evidence("m", "a", math.nan, 0.1, 0.1, 1.0), NotANumber),
        (lambda: Evidence("m", "a", 1.0, math.inf, 0.1, 1.0), NotANumber),
        (lambda: Evidence("m", "a", 1.0, 0.1, 0.0, 1.0), ZeroVariance),
        (lambda: Evidence("m", "a", 1.0, 0.1, math.nan, 1.0), ZeroVariance),
        (lambda: Evidence("m", "a", 1.0, 0.1, 0.1, 1.0, skew=math.nan), NotANumber),
        (lambda: ArmCount("a", -1), NotANumber),
        (lambda: ArmCount("a", 10, 11), NotANumber),
        (lambda: Cell("web", (1, -1)), NotANumber),
        (lambda: Look("yesterday", 1, ()), BadLook),
        (lambda: Look("2026-11-02", -1, ()), BadLook),
    ],
)
def test_figures_that_are_none_are_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        wrong()  # type: ignore[operator]
    assert isinstance(raised.value, SequentialError)
