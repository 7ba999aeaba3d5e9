"""The campaigns of the large shop: one that everybody met, and twenty small ones."""

from datetime import UTC, datetime, timedelta

from fairlift.engine.campaign import Campaign
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift_server.analysis.ledger_query import LedgerQuery, LiveQuestion
from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.store.campaigns import microseconds

from benchmarks.serve import running_since

DAYS = 14
WINDOW_DAYS = 7
# Midnight, so that all days are whole; long enough ago that the last events are over.
START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
    days=DAYS + 11
)
LARGE = "autumn"
SMALL = tuple(f"spring-{number}" for number in range(20))
VARIANTS = ("control", "popup")
SEGMENTS = ("country", "device", "returning")
METRICS = (
    "conversion_rate",
    "revenue_per_visitor",
    "average_ticket",
    "orders_per_visitor",
    "profit_per_visitor",
    "items_per_order",
    "cart_rate",
    "action_rate(newsletter)",
)


def campaign_message(name: str) -> campaign_pb2.Campaign:
    """A campaign with eight metrics and three segments."""
    primary, *secondary = METRICS
    return campaign_pb2.Campaign(
        name=f"campaigns/{name}",
        variants=[campaign_pb2.Variant(id=variant, weight=1) for variant in VARIANTS],
        plan=plan_pb2.Plan(
            primary=[plan_pb2.PlannedMetric(metric=primary, minimum_effect=0.05)],
            secondary=[plan_pb2.PlannedMetric(metric=metric) for metric in secondary],
            planned_units=100_000,
            window_days=WINDOW_DAYS,
            segments=SEGMENTS,
        ),
    )


def started(name: str) -> Campaign:
    """A campaign that runs since START."""
    return running_since(campaign_message(name), START)


def plan_of(name: str) -> AnalysisPlan:
    """How a campaign is analysed."""
    return analysis_plan_of(started(name), currency="EUR")


def full_look(name: str) -> LedgerQuery:
    """All metrics, the three cuts, and cells by day, as of now."""
    plan = plan_of(name)
    now_us = microseconds(START + timedelta(days=DAYS + 11))
    return plan.query(as_of_day=None, live=LiveQuestion(now_us, plan.window))
