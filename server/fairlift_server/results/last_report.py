"""What is said of the newest look: the same until another look is made."""

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fairlift_stats.verdict import Verdict, decide
from fairlift_stats.verdict.weekly_worth import WeeklyWorth

from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.frozen_look import FrozenLook, log_of
from fairlift_server.results.listed_look import ListedLook, listed_looks
from fairlift_server.results.look_report import LookReport, attempt, report_of
from fairlift_server.results.treatment_worths import treatment_worths

# That a process keeps; each takes some 200 kB.
_MOST_REPORTS: Final = 64

_reports: OrderedDict[bytes, "LastReport"] = OrderedDict()


@dataclass(frozen=True, slots=True)
class LastReport:
    """What is said of the newest look.

    Attributes:
        verdict: None where it could not be computed.
        report: of the newest look.
        listed: all looks as lists show them.
        worths: by treatment.
        failures: what could not be computed, and why.
    """

    verdict: Verdict | None
    report: LookReport
    listed: tuple[ListedLook, ...]
    worths: tuple[WeeklyWorth, ...]
    failures: dict[str, str]


def last_report(
    plan: AnalysisPlan, days: CampaignDays, looks: Sequence[FrozenLook], hashes: Sequence[str]
) -> LastReport:
    """What is said of the newest look; a process works it out once.

    Args:
        plan: of the campaign.
        days: of the campaign.
        looks: all of them, at least one.
        hashes: of the looks: who has them knows what the looks say.
    """
    key = pickle.dumps((plan, days, tuple(hashes)))
    report = _reports.get(key)
    if report is None:
        report = _worked_out(plan, days, looks, hashes)
        if report.failures:
            return report  # it may succeed the next time
        _reports[key] = report
        if len(_reports) > _MOST_REPORTS:
            _reports.popitem(last=False)
    _reports.move_to_end(key)
    return report


def _worked_out(
    plan: AnalysisPlan, days: CampaignDays, looks: Sequence[FrozenLook], hashes: Sequence[str]
) -> LastReport:
    failures: dict[str, str] = {}
    log = log_of(plan.sequential, looks)
    verdict = attempt("verdict", failures, decide, plan.sequential, log)
    report = report_of(plan, looks[-1], verdict)
    listed = listed_looks(looks, hashes, failures)
    worths: tuple[WeeklyWorth, ...] = ()
    if verdict is not None:
        arguments = (plan, days, looks, verdict, report)
        worths = attempt("worth", failures, treatment_worths, *arguments) or ()
    return LastReport(verdict, report, listed, worths, {**failures, **report.failures})
