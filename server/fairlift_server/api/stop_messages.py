"""What a report says of a campaign that somebody stopped before it was decided."""

from zoneinfo import ZoneInfo

from fairlift.engine.campaign import Campaign
from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.messages import Day, Message, VariantName

from fairlift_server.api.language import Tongue

# Reasons that speak of days to come.
_OF_DAYS_TO_COME = {"chances", "end"}


def put_stop(verdict: pb.Verdict, campaign: Campaign, tongue: Tongue) -> None:
    """Takes back the advice to go on, where nothing goes on; the kind stays the rule's own."""
    stopped = campaign.lifecycle.stop_time
    if stopped is None or verdict.kind != pb.VERDICT_KIND_KEEP_GOING:
        return
    day = Day(stopped.astimezone(ZoneInfo(campaign.time_zone)).date().isoformat())
    control = VariantName(campaign.control.id)
    verdict.sentence = tongue.text(Message.of("verdict.stopped", day=day))
    verdict.action = tongue.text(Message.of("action.stopped", control=control))
    told = [
        (code, reason)
        for code, reason in zip(verdict.reason_codes[1:], verdict.reasons, strict=False)
        if code not in _OF_DAYS_TO_COME
    ]
    del verdict.reason_codes[:], verdict.reasons[:], verdict.decision_days[:]
    verdict.reason_codes.extend(["stopped", *(code for code, _ in told)])
    verdict.reasons.extend(reason for _, reason in told)
