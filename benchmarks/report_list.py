"""ListReports over 200 campaigns that have looks: as of the last one, without a computation."""

import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from fairlift.engine.campaign import Campaign
from fairlift.v1 import results_service_pb2 as results
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from fairlift_server.results.frozen_look import sealed_to_json
from fairlift_server.results.health_check import HealthStatus
from fairlift_server.results.report_line import ReportLine, VerdictLine
from fairlift_server.results.report_seal import sealed_line
from fairlift_server.store import campaigns as store
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.history import Author, add_change
from fairlift_server.store.looks import LookRecord, add_look, put_report_line
from fairlift_stats.effects import Interval
from fairlift_stats.messages import Figure, Message, MetricName, Percent, VariantName
from fairlift_stats.sequential.sealed_looks import SealedContent, link
from fairlift_stats.sequential.traffic import PresentTraffic
from fairlift_stats.verdict.facts import Estimate, Outlook
from fairlift_stats.verdict.weekly_worth import WeeklyWorth

from benchmarks.form import Measure, publish
from benchmarks.serve import campaign, process, running_since

CAMPAIGNS = 200
LOOKS = 28
ROUNDS = 25
# As long as what a look keeps of two variants, ten metrics and a segment.
CONTENT = json.dumps({"look": "x" * 6_000})
START = datetime.now(UTC) - timedelta(days=LOOKS + 1)


def started(number: int) -> Campaign:
    """A campaign that runs since four weeks."""
    return running_since(campaign(number), START)


def line(number: int) -> ReportLine:
    """What a list says of a campaign that won; no two have the same figures."""
    more = number / 10_000
    figures: dict[str, Figure] = {
        "variant": VariantName("popup"),
        "control": VariantName("control"),
        "metric": MetricName("conversion_rate"),
        "lift": Percent(0.118 + more, signed=True),
        "low": Percent(0.013 + more, signed=True),
        "high": Percent(0.21 + more, signed=True),
    }
    verdict = VerdictLine(
        "ship", "won", "popup", "conversion_rate", Message.of("verdict.won", **figures),
        Message.of("action.ship", **figures), 17, None, None, 1.1, 0.95, 0.118 + more,
        Interval(0.013 + more, 0.21 + more), 0.12,
    )  # fmt: skip
    traffic = PresentTraffic(2_857.0 + number, 7, 80_000, "2026-11-24")
    estimate = Estimate("2026-11-24", 0.42 + more, Interval(0.05 + more, 0.80 + more), None, None)
    worth = WeeklyWorth("popup", "revenue_per_visitor", "gain", traffic, 1.0, estimate, 0.95)
    days = ("2026-12-01", "2026-12-08", None)
    outlook = Outlook(
        "popup", "conversion_rate", 0.6, 0.4, days, 7, "2026-12-15", traffic, ()
    )  # fmt: skip
    return ReportLine(
        LOOKS, 80_000 + number, HealthStatus.OK, verdict, "", 0, 0.7, 80_000, worth, outlook
    )  # fmt: skip


def fill(transaction: Transaction) -> None:
    """All campaigns, with what was written of their last looks."""
    for number in range(CAMPAIGNS):
        new = started(number)
        store.add(transaction, new)
        store.add_epoch(transaction, store.Epoch(new, "traffic", "variants"))
        add_change(transaction, new, verb="create", time=START, author=Author())
        add_change(transaction, new, verb="start", time=START, author=Author())
        previous = new.lifecycle.plan_hash
        for day in range(1, LOOKS + 1):
            look = SealedContent(CONTENT, link(previous, CONTENT))
            previous = look.hash
            record = LookRecord(day, START + timedelta(days=day), sealed_to_json(look))
            add_look(transaction, new.id, 1, record)
        put_report_line(transaction, new.id, 1, sealed_line(previous, line(number)))


def milliseconds(channel: grpc.Channel) -> list[float]:
    """How long each of some calls took."""
    stub, times = ResultsServiceStub(channel), []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        listed = stub.ListReports(results.ListReportsRequest(page_size=CAMPAIGNS)).reports
        times.append((time.perf_counter() - begun) * 1_000)
        assert len(listed) == CAMPAIGNS
        assert all(report.day == LOOKS and report.verdict.sentence for report in listed)
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "shop.db"
        filled = Store(database)
        filled.migrate()
        filled.write_now(fill)
        filled.close()
        environment = {
            "FAIRLIFT_LISTEN": "127.0.0.1:0",
            "FAIRLIFT_DATABASE": str(database),
            # No look is made meanwhile.
            "FAIRLIFT_LOOK_EVERY_S": "86400",
        }
        with (
            process("fairlift_server", "serve", **environment) as address,
            grpc.insecure_channel(address) as channel,
        ):
            times = milliseconds(channel)
    measures = [
        Measure("list_200_reports_first_ms", times[0], "ms"),
        Measure("list_200_reports_ms", statistics.median(times), "ms"),
        Measure("list_200_reports_least_ms", min(times), "ms"),
    ]
    publish("report_list", measures)


if __name__ == "__main__":
    main()
