"""What is told of a guardrail and of the alarm: state, lines, interval, and what is missing."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.methods.contrast import Contrast, Margin
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.facts import AlarmStanding, GuardrailStanding
from fairlift_stats.verdict.guardrails import margin_of
from scipy import stats

from tests.stats.sequential.shop import CR, RPV, look, plan

PLAN = plan(metrics=(CR, RPV), decide="weekly", maximum_days=28, n_max=28_000)
# Weekly looks of 7,000; HSD(-4) of .05 at t = 1/4, and a Pocock-type .024 + .001.
SAFE = float(stats.norm.isf(0.05 * math.expm1(1) / math.expm1(4)))
HARM = -float(stats.norm.isf(0.024 * math.log1p((math.e - 1) / 4)))


def at_margin(z: float, units: int, *, lower: bool = False) -> Contrast:
    """A guardrail of 2.00 whose z of "no worse than 5 %" is as given."""
    variance = 2.0 / units
    edge = 2.1 if lower else 1.9
    spread = math.sqrt(variance * (1 + (edge / 2) ** 2))
    return Contrast(2.0, edge + (-z if lower else z) * spread, variance, variance)


def standing(
    *zs: float | None, made: SequentialPlan = PLAN, per_day: int = 1000
) -> GuardrailStanding:
    """After weekly looks at which the guardrail has these z, or cannot be compared."""
    lower = made.guardrails[0].direction == "lower"
    log = LookLog.begin(made)
    for week, z in enumerate(zs, start=1):
        units = 7 * week * per_day
        found: tuple[Evidence, ...] = ()
        if z is not None:
            contrast = at_margin(z, units, lower=lower)
            found = (Evidence(RPV.name, "coupon", 1.0, contrast, units, (500, 500)),)
        log = log.add(made, look(made, 7 * week, *found, per_day=per_day))
    return decide(made, log).facts.guardrails[0]


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize(
    ("z", "state"),
    [
        (SAFE + 1e-6, "safe"),
        (SAFE - 1e-6, "open"),
        (HARM + 1e-6, "open"),
        (HARM - 1e-6, "harmed"),
    ],
)
def test_a_guardrail_is_safe_above_one_line_and_harmed_below_the_other(
    direction: str, z: float, state: str
) -> None:
    rail = replace(RPV, direction=direction)  # type: ignore[arg-type]  # one of the two

    found = standing(z, made=replace(PLAN, metrics=(CR, rail)))

    assert (found.state, found.arm, found.metric) == (state, "coupon", RPV.name)
    assert found.z == pytest.approx(z, abs=1e-9)
    assert found.safe_line == pytest.approx(SAFE, abs=1e-9)
    assert found.harm_line == pytest.approx(HARM, abs=1e-9)
    assert found.decided_at == (None if state == "open" else "2026-11-08")
    assert found.margin == Margin(0.05)


def test_what_was_shown_first_stays_but_harm_prevails() -> None:
    safe_stays = standing(SAFE + 0.1, 0.0)
    harm_prevails = standing(SAFE + 0.1, -5.0)

    assert (safe_stays.state, safe_stays.decided_at) == ("safe", "2026-11-08")
    assert (harm_prevails.state, harm_prevails.decided_at) == ("harmed", "2026-11-15")
    assert safe_stays.z == pytest.approx(0.0, abs=1e-9)


def test_its_interval_is_as_wide_as_the_line_that_decided_or_that_is_to_be_reached() -> None:
    for z, line in ((SAFE + 0.5, SAFE), (1.0, SAFE), (HARM - 0.5, HARM)):
        contrast = at_margin(z, 7000)
        raw = standing(z).raw

        assert raw is not None
        assert raw.at == "2026-11-08"
        assert raw.value == pytest.approx(contrast.difference)
        assert raw.interval.low == pytest.approx(contrast.difference - abs(line) * contrast.se)
        assert raw.interval.high == pytest.approx(contrast.difference + abs(line) * contrast.se)
        assert raw.lift == pytest.approx(contrast.lift)
    # What was shown keeps the figures of its look.
    kept = standing(SAFE + 0.5, 0.0).raw
    assert kept is not None
    assert kept.at == "2026-11-08"
    assert standing(None).raw is None


@pytest.mark.parametrize("z", [0.1, 1.0, 2.0])
def test_the_units_missing_grow_z_to_the_line_with_their_root(z: float) -> None:
    found = standing(z)

    assert found.units_missing == math.ceil(7000 * ((SAFE / z) ** 2 - 1))


def test_nothing_is_said_to_be_missing_where_more_units_would_not_help() -> None:
    assert standing(0.0).units_missing is None
    assert standing(-0.5).units_missing is None
    assert standing(SAFE + 0.1).units_missing is None
    assert standing(None).units_missing is None
    # Its z lies beyond the line of the last look that judged: one more visitor is missing.
    between = LookLog.begin(PLAN)
    for day, z in ((7, 1.0), (9, SAFE + 0.1)):
        contrast = at_margin(z, 1000 * day)
        seen = Evidence(RPV.name, "coupon", 1.0, contrast, 1000 * day, (500, 500))
        between = between.add(PLAN, look(PLAN, day, seen, per_day=1000))
    assert decide(PLAN, between).facts.guardrails[0].units_missing == 1


def test_a_margin_is_a_share_or_an_amount() -> None:
    amount = SequentialMetric("cost", role="guardrail", absolute_margin=0.6)

    assert margin_of(RPV) == Margin(0.05, is_absolute=False)
    assert margin_of(amount) == Margin(0.6, is_absolute=True)


def alarm(*days: tuple[int, int, int, int] | None) -> AlarmStanding:
    """After days with these converters and units within a day, of the control and the coupon."""
    made = plan(decide="weekly", maximum_days=28)
    log = LookLog.begin(made)
    for day, seen in enumerate(days, start=1):
        bought, units = (seen[:2], seen[2:]) if seen else ((None, None), (None, None))
        counts = tuple(
            ArmCount(arm, 500 * day, 15 * day, 15 * day, None, n, x)
            for arm, n, x in zip(made.arms, units, bought, strict=True)
        )
        log = log.add(made, Look(f"2026-11-{day:02}", day, counts))
    return decide(made, log).facts.alarms[0]


def test_an_alarm_tells_the_look_that_raised_it_or_the_last() -> None:
    quiet, dead, late = (20, 18, 500, 500), (30, 0, 1000, 1000), (60, 58, 1500, 1500)

    raised = alarm(quiet, dead, late)
    assert (raised.raised_at, raised.converters, raised.units) == (
        "2026-11-02", (30, 0), (1000, 1000),
    )  # fmt: skip
    still = alarm(quiet, late)
    assert (still.raised_at, still.converters, still.units) == (None, (60, 58), (1500, 1500))
    nobody = alarm(None)
    assert (nobody.raised_at, nobody.converters, nobody.units) == (None, (0, 0), (0, 0))
    assert alarm((0, 0, 0, 500)).units == (0, 0)
    assert alarm((0, 0, 500, 0)).units == (0, 0)
    assert alarm((0, 0, 1, 1)).units == (1, 1)


def test_what_lies_on_a_line_is_beyond_it_and_one_double_less_is_not() -> None:
    rail = SequentialMetric(RPV.name, role="guardrail", needs="orders", absolute_margin=1.0)
    made = replace(PLAN, metrics=(CR, rail))

    def state(z: float) -> GuardrailStanding:
        # With an error of 1 and a margin of 1 the z is the difference and 1, to the last digit.
        found = Evidence(rail.name, "coupon", 1.0, Contrast(0.0, z - 1.0, 0.5, 0.5), 1, (500, 500))
        log = LookLog.begin(made).add(made, look(made, 7, found, per_day=1000))
        return decide(made, log).facts.guardrails[0]

    safe, harm = state(0.0).safe_line, state(0.0).harm_line
    assert safe is not None
    assert harm is not None
    assert (state(safe).z, state(safe).state) == (safe, "safe")
    assert state(math.nextafter(safe, 0.0)).state == "open"
    assert (state(harm).z, state(harm).state) == (harm, "harmed")
    assert state(math.nextafter(harm, 0.0)).state == "open"
