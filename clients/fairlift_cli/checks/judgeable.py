"""A campaign with mistakes, made valid to judge the rest of it: what is wrong gets a stand-in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fairlift.engine.campaign import BPS, Campaign
from fairlift.engine.errors import InvalidCampaign, Violation
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift.wire.campaign import campaign_from

from fairlift_cli.checks.parts_read import parts_read
from fairlift_cli.rule_of_violation import rule_of_violation

# A stand-in may break a rule among fields, and then those get one too.
_ROUNDS = 5
_ITEM = re.compile(r"(plan\.\w+|\w+)\[(\d+)\](?:\.(\w+))?.*", re.DOTALL)
_ROLES = ("primary", "secondary", "guardrails")


@dataclass(frozen=True, slots=True)
class JudgeableCampaign:
    """A valid campaign, and the field paths where it is not what the file says."""

    campaign: Campaign
    wrong: frozenset[str] = frozenset()

    def can_be_judged(self, rule: str, field: str = "") -> bool:
        """Whether nothing is wrong that the rule reads to judge the field."""
        return not self.wrong or not any(
            _overlap(wrong, part) for wrong in self.wrong for part in parts_read(rule, field)
        )


def judged_campaign(
    message: campaign_pb2.Campaign, flagged: Iterable[str]
) -> tuple[JudgeableCampaign | None, tuple[Violation, ...]]:
    """What can be judged of the campaign, and the rules of the engine that it breaks.

    Args:
        message: the campaign, as far as it could be read.
        flagged: field paths where it could not.
    """
    wrong = set(flagged)
    try:
        campaign = campaign_from(message)
    except InvalidCampaign as error:
        violations = error.violations
    else:
        violations = ()
        if not wrong:
            return JudgeableCampaign(campaign), ()
    mended = campaign_pb2.Campaign()
    mended.CopyFrom(message)
    found = violations
    for _ in range(_ROUNDS):
        wrong |= {_part_to_blame(violation) for violation in found}
        for path in wrong:
            _put_stand_in(mended, path)
        try:
            return JudgeableCampaign(campaign_from(mended), frozenset(wrong)), violations
        except InvalidCampaign as error:
            found = error.violations
    return None, violations


def _part_to_blame(violation: Violation) -> str:
    # The metric may be right, and the stopping rule the wrong one for it.
    return "plan.stopping" if rule_of_violation(violation) == "FL516" else violation.field


def _overlap(wrong: str, part: str) -> bool:
    """Whether one is in the other; a part without indexes is that of every item."""
    if "[" not in part:
        wrong = re.sub(r"\[\d+\]", "", wrong)
    return _is_in(wrong, part) or _is_in(part, wrong)


def _is_in(path: str, parent: str) -> bool:
    return path == parent or path.startswith((f"{parent}.", f"{parent}["))


def _put_stand_in(message: campaign_pb2.Campaign, path: str) -> None:
    """Puts a value into the field that breaks no rule by itself."""
    item = _ITEM.fullmatch(path)
    if item is not None and _put_into_item(message, item[1], int(item[2]), item[3] or ""):
        return
    first, _, rest = path.partition(".")
    second = re.split(r"[.\[]", rest)[0]
    first = first.partition("[")[0]
    if path == "name":
        message.name = "campaigns/x"
    elif path == "variants":
        del message.variants[:]
        for name in ("a", "b"):
            message.variants.add(id=name, weight=1)
    elif first == "layer" and second not in ("", "layer"):
        message.layer.start_bps, message.layer.size_bps = 0, BPS
    elif first == "attributes" and rest:
        message.attributes.pop(rest, None)
    elif first == "plan" and second:
        _put_into_plan(message.plan, second)
    elif first == "schedule" and second in ("start_time", "end_time"):
        message.schedule.ClearField("start_time" if second == "start_time" else "end_time")
    elif first in message.DESCRIPTOR.fields_by_name and first != "name":
        message.ClearField(first)  # type: ignore[arg-type]  # one of its fields


def _put_into_plan(plan: plan_pb2.Plan, name: str) -> None:
    if name in ("window", "window_days"):
        plan.ClearField("window")
        plan.ClearField("window_days")
    elif name in plan.DESCRIPTOR.fields_by_name:
        plan.ClearField(name)  # type: ignore[arg-type]  # one of its fields
    if name == "primary":
        plan.primary.add()
        _put_into_planned(plan.primary[0], name, 0, "")
    if name == "planned_units":
        plan.planned_units = 1


def _put_into_item(message: campaign_pb2.Campaign, of: str, index: int, field: str) -> bool:
    """Puts a value into a field of an item, or into all of it; False where it has no stand-in."""
    name = of.removeprefix("plan.")
    # Any: lists of messages of several kinds, or of texts.
    items: Any = getattr(message.plan if of != name else message, name, ())
    if index >= len(items):
        return False
    if of == "variants":
        _put_into_variant(items[index], index, field)
    elif name in _ROLES:
        _put_into_planned(items[index], name, index, field)
    elif of == "plan.segments":
        items[index] = f"segment_{index}"
    elif of == "plan.metrics":
        kept = items[index].name if field not in ("", "name") else f"metric_{index}"
        items[index].Clear()
        items[index].name = kept
        items[index].rate.of.order = plan_pb2.ORDER_MEASURE_ORDERS
    else:
        return False
    return True


def _put_into_variant(variant: campaign_pb2.Variant, index: int, field: str) -> None:
    if field in ("", "id"):
        variant.id = f"variant-{index}"
    if field in ("", "weight"):
        variant.weight = 1
    for name in ("payload", "control", "display_name"):
        if field in ("", name):
            variant.ClearField(name)


def _put_into_planned(planned: plan_pb2.PlannedMetric, role: str, index: int, field: str) -> None:
    if field in ("", "metric"):
        planned.metric = f"action_rate({role}_{index})"
    if field in ("", "window_days"):
        planned.ClearField("window_days")
    if field in ("", "minimum_effect"):
        planned.ClearField("minimum_effect")
        if role == "primary":
            planned.minimum_effect = 0.05
    if field in ("", "margin", "absolute_margin"):
        planned.ClearField("margin")
        planned.ClearField("absolute_margin")
        if role == "guardrails":
            planned.absolute_margin = 1.0
