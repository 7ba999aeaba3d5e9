"""What a campaign's verdict says now: the newest look's, unless it was stopped or paused since."""

from dataclasses import dataclass

from fairlift.engine.campaign import Campaign
from fairlift_stats.messages import Day, Message, VariantName, Verbatim

from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.report_line import VerdictLine

# Rules whose sentence forecasts a decision.
_FORECAST_CAUSES = {"not_yet_judged", "running"}
# Rules that wait for more: a campaign that is stopped gets no more, a paused one not now.
_WAITING_CAUSES = {*_FORECAST_CAUSES, "unsafe", "margin", "days", "few", "no_answer"}


@dataclass(frozen=True, slots=True)
class VerdictInput:
    """What a verdict's sentence is written from.

    Attributes:
        campaign: with its lifecycle as it is now.
        days: of its epoch.
        line: as of the last look; None before the first, and where `failure` says why.
        has_units: whether anybody was exposed.
        first_decision: the first campaign day whose look judges success; used while no look is
            there.
        failure: why the verdict could not be computed; empty where it could.
    """

    campaign: Campaign
    days: CampaignDays
    line: VerdictLine | None
    has_units: bool
    first_decision: int
    failure: str = ""

    @property
    def standing(self) -> VerdictLine | None:
        """The look's verdict if it has something to say: of no unit nothing can be distrusted."""
        if self.line is None or (not self.has_units and self.line.kind == "do_not_trust"):
            return None
        return self.line


@dataclass(frozen=True, slots=True)
class CurrentVerdict:
    """What a verdict says in words, and the rule that gave it.

    Attributes:
        headline, action: what it says, and what to do now.
        cause: the rule that gave it.
        kind: such as keep_going.
        is_open: False for a campaign that was stopped or paused: it has no days to come.
    """

    headline: Message
    action: Message
    cause: str
    kind: str = "keep_going"
    is_open: bool = True


def current_verdict(facts: VerdictInput) -> CurrentVerdict:
    """The verdict's own words, unless the campaign was stopped or paused since."""
    standing, campaign = facts.standing, facts.campaign
    kind = "keep_going" if standing is None else standing.kind
    if facts.failure:
        headline = Message.of("verdict.failed", why=Verbatim(facts.failure))
        return CurrentVerdict(headline, Message.of("action.wait"), "failed", kind)
    cause = "not_yet_judged" if standing is None else standing.cause
    if campaign.lifecycle.stop_time is not None and cause in _WAITING_CAUSES:
        return _stopped(facts, kind)
    if not facts.has_units:
        headline, action = Message.of("verdict.nobody"), Message.of("action.check_exposures")
        return CurrentVerdict(headline, action, "no_units", kind)
    if facts.days.is_paused and cause in _WAITING_CAUSES:
        headline = Message.of("verdict.paused")
        if standing is not None and cause not in _FORECAST_CAUSES:
            headline = standing.headline
        return CurrentVerdict(headline, Message.of("action.resume"), cause, kind, is_open=False)
    if standing is None:
        return _before_the_first_look(facts)
    return CurrentVerdict(standing.headline, standing.action, standing.cause, kind)


def _before_the_first_look(facts: VerdictInput) -> CurrentVerdict:
    """When the first decision is due."""
    day = facts.days.nth(facts.first_decision)
    assert day is not None, "a campaign that is not paused has days to come"
    headline = Message.of("verdict.nothing_yet", day=Day(day.date.isoformat()))
    return CurrentVerdict(headline, Message.of("action.wait"), "not_yet_judged")


def _stopped(facts: VerdictInput, kind: str) -> CurrentVerdict:
    """Names the day of the stop: the last look comes days later, when all who entered count."""
    stop_date = facts.days.stop_date
    assert stop_date is not None, "the campaign was stopped"
    return CurrentVerdict(
        Message.of("verdict.stopped", day=Day(stop_date.isoformat())),
        Message.of("action.stopped", control=VariantName(facts.campaign.control.id)),
        "stopped",
        # What a stopped campaign had too little of is not what is wrong with it.
        "keep_going" if kind == "do_not_trust" else kind,
        is_open=False,
    )
