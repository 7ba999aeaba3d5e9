"""The text of a new campaign file, from the five answers of `fairlift init`."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fairlift.engine.short_form import literal
from fairlift_stats.design.planning import horizons
from fairlift_stats.errors import StatisticsError

from fairlift_cli.campaign_files import TRAFFIC_FILE
from fairlift_cli.editor_schema import SCHEMA_LINE
from fairlift_cli.failures import CommandRefused
from fairlift_cli.plan_command import PlanningInput
from fairlift_cli.traffic import CampaignTraffic, read_traffic

# A change of so much is no plan; `fairlift check` doubts it too.
_LARGEST_EFFECT = 1.0
# The effect for which a campaign that is too small is told how many visitors it needs.
_USUAL_EFFECT = 0.10
_DAYS = 7
_PLAIN_TEXT = re.compile(r"[\w/.-]+", re.ASCII)


class Goal(StrEnum):
    """What the campaign is for."""

    CONVERSION = "conversion"
    REVENUE = "revenue"
    TICKET = "ticket"
    SIGNUP = "signup"


class Protected(StrEnum):
    """What must not get worse meanwhile."""

    CONVERSION = "conversion"
    PROFIT = "profit"
    REFUNDS = "refunds"
    NOTHING = "none"


@dataclass(frozen=True, slots=True)
class ShopToday:
    """What the shop has today, before the campaign.

    Attributes:
        conversion: share of visitors who buy, or who sign up.
        ticket, ticket_sd: of one order, in the shop's currency; the deviation None if not known.
        weekly: new visitors per week of the shop; None if not known.
        source: where the figures come from, in a word or two.
    """

    conversion: float = 0.03
    ticket: float = 60.0
    ticket_sd: float | None = None
    weekly: int | None = None
    source: str = "Assumed"


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What `fairlift init` asks, and what it assumes.

    Attributes:
        name: the campaign's id.
        goal: what it is for.
        page: where it is shown, as the attribute `page` says it; empty: everywhere.
        weekly: new visitors of that page per week.
        weeks: how long visitors enter.
        guardrail: what must not get worse.
        today: what the shop has without it.
        labels: keys that the project requires.
    """

    name: str
    goal: Goal
    page: str
    weekly: int
    weeks: int
    guardrail: Protected
    today: ShopToday = ShopToday()
    labels: tuple[str, ...] = ()


def shop_today(
    folders: Iterable[Path], *, conversion: float | None, ticket: float | None
) -> ShopToday:
    """The shop's figures: those that are given, or else of traffic.yaml, or else usual ones."""
    traffic = read_traffic(folders)
    shop = traffic.shop if traffic is not None and not traffic.findings else CampaignTraffic()
    usual = ShopToday()
    from_file = bool(shop.conversion_rate) and conversion is None
    weekly = shop.visitors_per_week
    return ShopToday(
        conversion or shop.conversion_rate or usual.conversion,
        ticket or shop.ticket or usual.ticket,
        shop.ticket_sd if ticket is None else None,
        round(weekly) if weekly is not None and weekly >= 1 else None,
        f"From {TRAFFIC_FILE}" if from_file else usual.source,
    )


def usual_guardrail(goal: Goal) -> Protected:
    """What a campaign with this goal most often harms."""
    return Protected.PROFIT if goal is Goal.CONVERSION else Protected.CONVERSION


def campaign_text(answers: NewCampaign) -> str:
    """A commented campaign file.

    Raises:
        CommandRefused: so few visitors cannot show any effect that a campaign may have.
    """
    effect = _effect(answers)
    effect_text = f"{100 * effect:g}%"
    primary, secondary, why = _METRICS[answers.goal]
    # A metric has one role in a plan.
    guarded = _GUARDED.get(answers.guardrail)
    shown = [metric for metric in secondary if metric != guarded]
    title = answers.name.replace("-", " ").capitalize()
    lines = [
        SCHEMA_LINE,
        "# Written by `fairlift init`; change what you like, and see `fairlift check`.",
        f"campaign: {answers.name}",
        f"display_name: {title}",
        "description: Say here what visitors see, and why it should help.",
    ]
    if answers.labels:
        labels = ", ".join(f"{_quoted(key)}: to be named" for key in answers.labels)
        lines.append(f"labels: {{{labels}}}")
    lines.append("")
    if answers.page:
        audience = f"page == {literal(answers.page)}"
        plain = f'page == "{answers.page}"'
        is_plain = _PLAIN_TEXT.fullmatch(answers.page) is not None
        lines += [
            "# What the storefront sends with each visitor, and who of them is eligible.",
            "attributes: {page: string}",
            f"audience: {plain if is_plain else _quoted(audience)}",
            "",
        ]
    lines += [
        "variants:",
        "  # The first one is the control: the shop as it is.",
        "  - id: control",
        "  # The payload is what the storefront shows: a text, a coupon, a threshold.",
        "  - id: treatment",
        "    payload: {show: true}",
        "",
        "plan:",
        *(f"  # {sentence}" for sentence in why),
        f"  primary: {{metric: {primary}, minimum_effect: {effect_text}}}",
        f"  secondary: [{', '.join(shown)}]",
        *_guardrail_lines(answers, effect_text),
        f"  # {answers.weekly:,} new visitors a week. {_today(answers)}",
        "  # `fairlift plan` shows what another traffic or another duration would find.",
        f"  planned_units: {answers.weekly * answers.weeks}",
        f"  maximum_days: {answers.weeks * _DAYS}",
    ]
    return "\n".join(lines) + "\n"


def _effect(answers: NewCampaign) -> float:
    """The smallest effect that so many visitors can show, in tenths of a per cent, rounded up."""
    is_money = answers.goal in (Goal.REVENUE, Goal.TICKET)
    today = answers.today
    ticket = today.ticket if is_money else None
    weekly = (float(answers.weekly),) * answers.weeks
    planning = PlanningInput(weekly, today.conversion, ticket, today.ticket_sd)
    try:
        found = horizons(planning.plan, planning.baseline, planning.weekly)[-1].mde
    except StatisticsError as error:
        raise CommandRefused(f"{error}\n{_TOO_SMALL}") from None
    if not found < _LARGEST_EFFECT:
        units = answers.weekly * answers.weeks
        needed = math.ceil(units * (found / _USUAL_EFFECT) ** 2 / 100) * 100
        message = (
            f"{units:,} visitors can only show a change of {found:.0%} or more, so this campaign "
            f"cannot conclude; to find {_USUAL_EFFECT:.0%} it would need about {needed:,}."
        )
        raise CommandRefused(f"{message}\n{_TOO_SMALL}")
    return math.ceil(found * 1_000) / 1_000


_TOO_SMALL = (
    "Nothing was written. Test it on more visitors, and name the small group under `segments`: "
    "`fairlift init --example micro-segment` shows how."
)

_METRICS: dict[Goal, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    Goal.CONVERSION: (
        "conversion_rate",
        ("revenue_per_visitor", "average_ticket"),
        ("The share of visitors who buy decides.",),
    ),
    Goal.REVENUE: (
        "revenue_per_visitor",
        ("average_ticket", "items_per_order"),
        ("Revenue per visitor decides: conversion rate and average ticket together.",),
    ),
    Goal.TICKET: (
        "revenue_per_visitor",
        ("average_ticket", "items_per_order", "price_per_item"),
        (
            "The average ticket alone may rise because fewer visitors buy, so revenue per visitor",
            "decides, and the ticket is shown beside it.",
        ),
    ),
    Goal.SIGNUP: (
        "action_rate(newsletter)",
        ("conversion_rate", "revenue_per_visitor"),
        ("The share of visitors decides for whom the storefront sends the action newsletter.",),
    ),
}


_GUARDED = {
    Protected.CONVERSION: "conversion_rate",
    Protected.REFUNDS: "refund_rate",
    Protected.PROFIT: "profit_per_visitor",
}


def _guardrail_lines(answers: NewCampaign, effect: str) -> list[str]:
    metric = _GUARDED.get(answers.guardrail)
    if metric is None:
        return []
    comment, margin = "Worse by less than the margin is harmless.", f"margin: {effect}"
    if answers.guardrail is Protected.PROFIT:
        # Profit may be below zero, where no share means anything: a tenth of today's revenue.
        money = max(0.01, round(0.1 * answers.today.conversion * answers.today.ticket, 2))
        comment, margin = "In the shop's currency, per visitor.", f"absolute_margin: {money:g}"
    return ["  guardrails:", f"    # {comment}", f"    - {{metric: {metric}, {margin}}}"]


def _today(answers: NewCampaign) -> str:
    today = answers.today
    rate = f"{today.source}: {100 * today.conversion:g}%"
    if answers.goal is Goal.SIGNUP:
        return f"{rate} of them sign up today."
    return f"{rate} of them buy today, for {today.ticket:g} on average."


def _quoted(text: str) -> str:
    """The text as YAML in single quotes."""
    return "'" + text.replace("'", "''") + "'"
