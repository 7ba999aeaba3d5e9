"""What is provisional stands apart from what is judged; funnels, coupons and failures are shown."""

import pytest
from fairlift.v1 import results_service_pb2 as pb

from tests.cli.reports import report, shown

Arm = pb.MetricResult.ArmEstimate


def test_provisional_figures_stand_apart_and_say_that_nothing_is_decided_by_them() -> None:
    found = report()
    for arm, value in zip(found.metrics[1].arms, (0.0291, 0.0345), strict=True):
        arm.immature_units, arm.provisional_estimate = 1_200, value

    rows = shown(found, width=100).splitlines()
    start = next(n for n, row in enumerate(rows) if row.startswith("Provisional: all visitors"))

    assert "Nothing is decided by these figures." in " ".join(rows[start : start + 2])
    assert any("2.91%" in row and "3.45%" in row for row in rows[start:])
    assert not any("2.91%" in row for row in rows[:start])
    assert "Provisional" not in shown(report())


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Provisional: "), ("es", "Provisional: "), ("ro", "Provizoriu: ")]
)
def test_before_the_first_analysis_only_provisional_figures_are_shown(
    language: str, said: str
) -> None:
    found = report()
    found.ClearField("look")
    found.ClearField("segments")
    for metric in found.metrics:
        metric.ClearField("comparisons")
        for arm in metric.arms:
            arm.immature_units, arm.provisional_estimate = 40, 0.05
            arm.ClearField("estimate")

    text = shown(found, language=language)

    assert said in text
    assert "95" not in text.partition(said)[0]


def test_a_funnel_shows_how_far_units_came() -> None:
    found = report()
    metric = found.metrics.add(metric="checkout", display_name="Checkout")
    for name, units, share, onward in (("view", 60, 0.6, None), ("orders", 15, 0.15, 0.25)):
        step = metric.steps.add(name=name)
        step.arms.add(variant="free", units=units, share=share, share_of_previous=onward)

    rows = shown(found).splitlines()
    start = rows.index("Checkout: how far visitors came")

    # The heading has two rows.
    assert rows[start + 3] == "View"
    assert rows[start + 4].split()[-2:] == ["60", "60.00%"]
    assert rows[start + 5] == "Orders"
    assert rows[start + 6].split()[-3:] == ["15", "15.00%", "25.00%"]


def test_a_metric_that_failed_says_so_in_its_own_line() -> None:
    found = report()
    found.metrics[1].error = "could not be computed: 120 buyers of 100 units"

    text = " ".join(shown(found).split())

    assert "Conversion rate: could not be computed: 120 buyers of 100 units" in text


def test_coupons_are_among_the_details_the_most_used_first() -> None:
    found = report()
    found.coupons.add(variant="free", coupon="SPRING", orders=3, discount_micros=15_000_000)
    found.coupons.add(variant="free", coupon="TEN", orders=40, discount_micros=81_500_000)

    rows = shown(found, details=True).splitlines()
    start = rows.index("Coupons used")

    assert [row.split(",")[0].strip() for row in rows[start + 2 : start + 4]] == ["TEN", "SPRING"]
    assert rows[start + 2].endswith("€81.50")
    assert "Coupons used" not in shown(found)


def test_the_day_of_a_decision_is_that_of_the_campaign_s_time_zone() -> None:
    found = report()
    found.time_zone = "America/New_York"
    # Midnight there: the fourteenth is over.
    found.verdict.decided_time.FromJsonString("2026-11-15T05:00:00Z")

    assert "Decided with the data to the end of Nov 14, 2026." in shown(found)
    assert "hasta el final del 14 nov 2026." in shown(found, language="es")
    assert "până la sfârșitul zilei de 14 nov. 2026." in shown(found, language="ro")
    found.time_zone = "Mars/Olympus"
    assert "Nov 15, 2026" in shown(found)
