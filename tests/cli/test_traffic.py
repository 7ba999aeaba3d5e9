"""What `check` says with the shop's own traffic, and where that traffic comes from."""

import re
from datetime import date, timedelta
from math import sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from click.testing import CliRunner
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_cli.__main__ import main
from fairlift_cli.check import check_files
from fairlift_cli.findings import Finding
from fairlift_cli.traffic import read_traffic
from fairlift_cli.traffic_command import as_traffic_file, traffic_in

from examples.server import running_server

TRAFFIC = "visitors_per_week: {}\nconversion_rate: 4%\nticket: 50\nticket_sd: 40\n"


def found(
    folder: Path,
    *,
    weekly: int = 10_000,
    metric: str = "conversion_rate",
    effect: str = "10%",
    plan: str = "",
    lines: str = "variants: [{id: a}, {id: b}]",
    traffic: str = "",
) -> list[Finding]:
    """What rules of traffic say of one campaign."""
    (folder / "traffic.yaml").write_text(TRAFFIC.format(weekly) + traffic)
    (folder / "campaign.yaml").write_text(
        f"campaign: x\n{lines}\nplan:\n  primary: {{metric: {metric}, minimum_effect: {effect}}}\n"
        f"{plan or '  planned_units: 9_000_000'}\n"
    )
    return [finding for finding in check_files([folder]).found if finding.rule[:3] == "FL6"]


def weeks_said(finding: Finding) -> int:
    match = re.search(r"needs (\d+) weeks", finding.message)
    assert match, finding.message
    return int(match[1])


def once(mean: float, sd: float, effect: float) -> float:
    """Units of two equal arms for a test that is read once, by the textbook's formula."""
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    return float((z * sd * 2 / (effect * mean)) ** 2)


# Moments of one visitor: does not buy, or buys once for a ticket of mean 50 and deviation 40.
RATE = (0.04, sqrt(0.04 * 0.96))
REVENUE = (2.0, sqrt(0.04 * (40**2 + 50**2) - 2.0**2))
TICKET = (50.0, 40 / sqrt(0.04))


@pytest.mark.parametrize(
    ("metric", "moments", "effect"),
    [
        ("conversion_rate", RATE, 0.05),
        ("conversion_rate", RATE, 0.1),
        ("revenue_per_visitor", REVENUE, 0.1),
        ("net_revenue_per_visitor", REVENUE, 0.08),
        ("average_ticket", TICKET, 0.1),
    ],
)
def test_weeks_of_a_test_that_is_read_once_are_those_of_the_textbook(
    tmp_path: Path, metric: str, moments: tuple[float, float], effect: float
) -> None:
    once_read = "  planned_units: 9_000_000\n  stopping: fixed_horizon"

    (finding,) = found(tmp_path, metric=metric, effect=f"{effect:.0%}", plan=once_read)

    assert finding.rule == "FL601"
    assert weeks_said(finding) == -(-once(*moments, effect) // 10_000)


def test_looking_every_week_costs_some_weeks(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, effect="5%")

    needed = once(*RATE, 0.05) / 10_000
    assert needed < weeks_said(finding) < 1.25 * needed


def test_a_simulated_shop_has_the_deviations_that_are_assumed() -> None:
    rng = np.random.default_rng(7)
    buys = rng.random(400_000) < 0.04
    tickets = rng.gamma(50**2 / 40**2, 40**2 / 50, 400_000) * buys

    assert tickets.std() == pytest.approx(REVENUE[1], rel=0.02)
    of_ratio = (tickets - 50 * buys) / 0.04
    assert of_ratio.std() == pytest.approx(TICKET[1], rel=0.02)


def test_a_campaign_that_can_conclude_is_left_alone(tmp_path: Path) -> None:
    assert found(tmp_path, weekly=60_000) == []


def test_the_boundary_is_where_the_days_just_suffice(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, effect="10%")
    weeks = weeks_said(finding)

    enough = f"  planned_units: 9_000_000\n  maximum_days: {7 * weeks}"
    short = f"  planned_units: 9_000_000\n  maximum_days: {7 * (weeks - 3)}"

    assert found(tmp_path, effect="10%", plan=enough) == []
    assert len(found(tmp_path, effect="10%", plan=short)) == 1


def test_planned_units_that_are_too_few_are_told_with_how_many_are_needed(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, weekly=60_000, plan="  planned_units: 20")

    assert (finding.rule, finding.field) == ("FL602", "plan.planned_units")
    match = re.search(r"plan ([\d,]+), which", finding.message)
    assert match
    needed = int(match[1].replace(",", ""))
    assert once(*RATE, 0.1) < needed < 1.25 * once(*RATE, 0.1)
    assert found(tmp_path, weekly=60_000, plan=f"  planned_units: {needed}") == []


def test_what_can_be_detected_falls_with_the_root_of_time(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, effect="2%")

    for name in ("conversion_rate", "average_ticket", "revenue_per_visitor"):
        match = re.search(rf"{name} ([\d.]+)%, ([\d.]+)%, ([\d.]+)%", finding.message)
        assert match, finding.message
        two, four, eight = map(float, match.groups())
        assert two / four == pytest.approx(sqrt(2), rel=0.05)
        assert four / eight == pytest.approx(sqrt(2), rel=0.05)


@pytest.mark.parametrize(
    ("lines", "plan", "traffic", "says"),
    [
        ("variants: [{id: a}, {id: b}, {id: c}]", "", "", "two variants ("),
        ("variants: [{id: a, weight: 9}, {id: b}]", "", "", "equal weights ("),
        ("traffic: 20%\nvariants: [{id: a}, {id: b}]", "", "", "traffic of 100% ("),
        ("variants: [{id: a}, {id: b}]", "", "correlation: 0.5\n", "covariate_days ("),
    ],
)
def test_what_would_help_is_said_with_its_weeks(
    tmp_path: Path, lines: str, plan: str, traffic: str, says: str
) -> None:
    (finding,) = found(tmp_path, effect="5%", lines=lines, plan=plan, traffic=traffic)
    now = weeks_said(finding)

    assert says in finding.message
    helped = re.search(re.escape(says) + r"(\d+) weeks?\)", finding.message)
    assert helped
    assert int(helped[1]) < now


def test_covariates_shorten_by_the_square_of_their_correlation(tmp_path: Path) -> None:
    (without,) = found(tmp_path, effect="4%", traffic="correlation: 0.6\n")
    planned = "  planned_units: 9_000_000\n  covariate_days: 28"
    (with_them,) = found(tmp_path, effect="4%", traffic="correlation: 0.6\n", plan=planned)

    assert weeks_said(with_them) == pytest.approx(0.64 * weeks_said(without), abs=1.5)


def test_a_campaign_may_have_figures_of_its_own(tmp_path: Path) -> None:
    own = "campaigns:\n  x: {visitors_per_week: 100000}\n"

    assert len(found(tmp_path)) == 1
    assert found(tmp_path, traffic=own) == []
    of_another = found(tmp_path, traffic=own.replace("x:", "y:"))
    assert [finding.rule for finding in of_another] == ["FL601", "FL604"]


def test_a_metric_may_have_figures_of_its_own(tmp_path: Path) -> None:
    own = 'metrics: {"action_rate(newsletter)": {mean: 0.04, sd: 0.196}}\n'
    metric = '"action_rate(newsletter)"'

    assert found(tmp_path, metric=metric) == []
    (finding,) = found(tmp_path, metric=metric, traffic=own)
    (of_rate,) = found(tmp_path)
    assert weeks_said(finding) == weeks_said(of_rate)


def test_customers_have_traffic_of_their_own(tmp_path: Path) -> None:
    of_customers = "unit: customer\nvariants: [{id: a}, {id: b}]"
    plan = "  planned_units: 9_000_000\n  settle_hours: 30"

    assert found(tmp_path, lines=of_customers, plan=plan) == []
    few = "customers_per_week: 500\n"
    (finding,) = found(tmp_path, lines=of_customers, plan=plan, traffic=few)
    assert "with 500 new customers a week" in finding.message


def test_what_nobody_can_wait_for_is_said_without_a_number(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, weekly=20)

    assert "needs more than 10 years" in finding.message


def test_figures_that_no_campaign_uses_are_told_at_their_lines(tmp_path: Path) -> None:
    traffic = (
        "metrics:\n"
        '  "action_rate(newsleter)": {mean: 4%, sd: 0.2}\n'
        "  revenue_per_visitor: {mean: 2, sd: 11}\n"  # of the catalogue: may be unused
        "campaigns:\n"
        "  X: {visitors_per_week: 5}\n"
        '  x: {metrics: {wishes: {mean: 1, sd: 1}, "action_rate(newsletter)": '
        "{mean: 4%, sd: 0.2}}}\n"
    )

    result = found(tmp_path, metric="action_rate(newsletter)", effect="20%", traffic=traffic)

    wrong = [finding for finding in result if finding.rule == "FL604"]
    assert [(f.line, f.column, f.field) for f in wrong] == [
        (6, 3, "metrics.action_rate(newsleter)"),
        (9, 3, "campaigns.X"),
        (10, 17, "campaigns.x.metrics.wishes"),
    ]
    assert "did you mean action_rate(newsletter)?" in wrong[0].message
    assert "did you mean x?" in wrong[1].message
    assert check_files([tmp_path / "campaign.yaml"]).warnings == ()


def test_a_file_that_cannot_be_read_may_use_all_figures(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("campaign: [")

    assert not found(tmp_path, traffic="metrics: {nps: {mean: 1, sd: 1}}\n", effect="90%")


@pytest.mark.parametrize("stopping", ["fixed_horizon", "always_valid", "yeast"])
def test_an_alpha_that_no_test_has_is_told(tmp_path: Path, stopping: str) -> None:
    plan = f"  planned_units: 40000\n  alpha: 5e-324\n  power: 0.9999\n  stopping: {stopping}"

    (finding,) = found(tmp_path, plan=plan)

    assert (finding.rule, finding.field) == ("FL601", "plan")


@pytest.mark.parametrize("effect", ["0.0000000001%", "1e-300"])
@pytest.mark.parametrize("metric", ["conversion_rate", "revenue_per_visitor", "average_ticket"])
@pytest.mark.parametrize(
    "traffic",
    [
        "visitors_per_week: 1e12\nconversion_rate: 0.000001%\nticket: 1e12\nticket_sd: 1e12\n",
        "visitors_per_week: 0.000000001\nconversion_rate: 99.9999999%\nticket: 1\n",
        "visitors_per_week: 10\nmetrics: {nps: {mean: 0.000000001, sd: 1e12}}\n",
        "visitors_per_week: 10\nconversion_rate: 3%\ncorrelation: 0.999999999999\n",
        "visitors_per_week: 10\nconversion_rate: 3%\nticket: 5\nticket_sd: 0\n",
    ],
)
def test_extreme_figures_have_an_answer(
    tmp_path: Path, traffic: str, metric: str, effect: str
) -> None:
    (tmp_path / "traffic.yaml").write_text(traffic)
    (tmp_path / "campaign.yaml").write_text(
        "campaign: x\nvariants: [{id: a}, {id: b, weight: 1000000}]\nplan:\n"
        f"  primary: {{metric: {metric}, minimum_effect: {effect}}}\n"
        "  planned_units: 9223372036854775807\n  alpha: 1e-9\n  power: 0.999999\n"
    )

    assert check_files([tmp_path]).findings == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ticket_sd: -5", "must be 0 or more"),
        ("ticket_sd: 1e300", "is 1e300, must be between 1e-09 and 1,000,000,000,000"),
        ("visitors_per_week: 1e15", "must be between"),
        ("visitors_per_week: 1e-300", "must be between"),
        ("visitors_per_week: 0", "must be a number above 0"),
        ("visitors_per_week: many", "must be a number above 0"),
        ("visitors_per_week: [1]", "must be a number above 0"),
        ("visitors_per_week: .inf", "must be a number above 0"),
        ("conversion_rate: 130%", "must be a share"),
        ("conversion_rate: 3", "must be a share"),
        ("correlation: 1", "must be a share"),
        ("visitor_per_week: 3", "did you mean visitors_per_week?"),
        ("metrics: {nps: {mean: 3}}", "must have a mean and an sd"),
        ("metrics: {nps: {mean: 3, sd: -1}}", "must be above 0"),
        ("metrics: {nps: {mean: 0, sd: 1}}", "must be a number other than 0"),
        # √(.03 × .97) = .1706
        ("metrics: {cart_rate: {mean: 3%, sd: 0.5}}", "is 0.5, must be 0.171"),
        ("metrics: {cart_rate: {mean: 3%, sd: 0.03}}", "must be 0.171"),
        ("metrics: {cart_rate: {mean: 3, sd: 0.17}}", "must be a share above 0%"),
        ("metrics: 3", "must be a mapping"),
        ("campaigns: {x: 3}", "must be a mapping"),
        ("campaigns: {x: {campaigns: {}}}", "is not known"),
        ("ticket: 3\nticket: 4", "appears twice"),
        ("metrics: {nps: {mean: 3, sd: 1, sd: 2}}", "appears twice"),
        ("campaigns: {x: {ticket: 1, ticket: 2}}", "appears twice"),
    ],
)
def test_a_mistake_in_the_traffic_is_told_at_its_place(
    tmp_path: Path, line: str, says: str
) -> None:
    (tmp_path / "traffic.yaml").write_text(f"# the shop\n{line}\n")
    (tmp_path / "campaign.yaml").write_text("campaign: x\nvariants: [{id: a}, {id: b}]\n")

    (finding,) = check_files([tmp_path]).findings

    assert finding.rule == "FL603"
    assert finding.line == 2 + line.count("\n")
    assert says in finding.message


def seen_report() -> pb.Report:
    """A control with 40,000 visitors as above, seen for 30 days at 20,000 a week."""
    report = pb.Report(campaign="campaigns/popup")
    report.totals.add(variant="a", control=True, units=40_000)
    report.totals.add(variant="b", units=40_000)
    for day in range(30):
        for variant in ("a", "b"):
            moment = (date(2026, 11, 1) + timedelta(day)).isoformat()
            report.days.add(date=moment, variant=variant, entered_units=10_000 // 7)
    named = (
        ("conversion_rate", RATE), ("average_ticket", TICKET), ("revenue_per_visitor", REVENUE),
        ("nps", (30.0, 60.0)),
    )  # fmt: skip
    for name, (mean, sd) in named:
        half = 1.959964 * sd / sqrt(40_000)
        metric = report.metrics.add(metric=name)
        arm = metric.arms.add(variant="a", units=40_000, estimate=mean)
        arm.interval.lower, arm.interval.upper = mean - half, mean + half
        arm.interval.confidence = 0.95
        metric.arms.add(variant="b", units=40_000, estimate=2 * mean)
    return report


def campaign_with(share_bps: int | None, slice_bps: int | None = None) -> Campaign:
    campaign = Campaign(traffic_bps=share_bps)
    if slice_bps is not None:
        campaign.layer.size_bps = slice_bps
    return campaign


@pytest.mark.parametrize(
    ("campaign", "could_enter"),
    [
        (campaign_with(None), 20_000),
        (campaign_with(10_000), 20_000),
        (campaign_with(2_000), 100_000),
        (campaign_with(5_000, 2_500), 160_000),
    ],
)
def test_who_entered_by_a_share_stands_for_all_who_could(
    campaign: Campaign, could_enter: int
) -> None:
    seen = traffic_in(seen_report(), campaign)

    assert seen is not None
    assert seen.weekly == pytest.approx(could_enter, rel=0.001)


def test_a_campaign_that_lets_no_visitors_in_says_nothing_of_traffic() -> None:
    assert traffic_in(seen_report(), campaign_with(0)) is None


def test_traffic_of_a_server_is_what_its_reports_say(tmp_path: Path) -> None:
    seen = traffic_in(seen_report(), campaign_with(None))
    assert seen is not None

    (tmp_path / "traffic.yaml").write_text(as_traffic_file([seen]))
    traffic = read_traffic([tmp_path])

    assert traffic is not None
    assert traffic.findings == []
    for figures in (traffic.shop, traffic.of("popup")):
        assert figures.visitors_per_week == pytest.approx(20_000, rel=0.001)
        assert figures.conversion_rate == pytest.approx(0.04, rel=0.001)
        assert figures.ticket == pytest.approx(50, rel=0.001)
        assert figures.ticket_sd == pytest.approx(40, rel=0.001)
        assert figures.metrics["nps"].mean == pytest.approx(30, rel=0.001)
        assert figures.metrics["nps"].sd == pytest.approx(60, rel=0.001)


def test_a_campaign_of_a_few_days_says_nothing_of_traffic() -> None:
    report = seen_report()
    del report.days[14:]

    assert traffic_in(report, campaign_with(None)) is None


def test_a_server_without_visitors_is_told() -> None:
    with running_server(currency="EUR") as address:
        run = CliRunner().invoke(main, ["traffic", "--server", address])

    assert run.exit_code == 1
    assert "its traffic is not known; write traffic.yaml by hand" in run.stderr
