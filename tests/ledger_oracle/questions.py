"""Random queries of a history: several campaigns, moments, policies and shapes."""

import random
from collections.abc import Sequence
from dataclasses import replace

from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    Measure,
    OrderMeasure,
    ReturnMeasure,
)
from fairlift_server.analysis.columns import FunnelSteps, UnitColumn, UnitQuantile, Window
from fairlift_server.analysis.entry_rules import EntryRules
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    Lateness,
    LedgerQuery,
    LiveQuestion,
)

from .events import DAY, HOUR
from .histories import DAYS, START, History

_WINDOWS: Sequence[Window] = (None, 0, 1, 3, 7)
_ACTIONS = ("add_to_cart", "newsletter", "view_360", "nps")
_ZONES = ("UTC", "Europe/Madrid", "America/New_York", "Pacific/Auckland")


def other_readings(rng: random.Random, history: History, number: int) -> list[History]:
    """The same events as other campaigns would be read: by policy, entry, window and moment."""
    found = []
    for _ in range(number):
        campaign = history.campaign
        known = [(campaign.id, 1), (campaign.id, 2), ("other", 1)]
        name, epoch = rng.choice(known)
        pauses = () if rng.random() < 0.5 else ((START + 4 * DAY, START + 6 * DAY + HOUR),)
        changed = replace(
            campaign,
            id=name,
            epoch=epoch,
            policy=rng.choice([policy.value for policy in IdentityPolicy]),
            epoch_start=START + rng.choice((0, 0, DAY, 3 * DAY)),
            pauses=pauses,
            overrides=campaign.overrides if rng.random() < 0.5 else (),
            window=rng.choice((1, 3, 5)) * DAY,
        )
        days = DAYS + 1 if rng.random() < 0.4 else rng.randrange(2, DAYS)
        found.append(History(changed, history.events, START + days * DAY))
    return found


def random_query(rng: random.Random, history: History) -> LedgerQuery:
    """Anything that may be asked of a history's campaigns, of all that the analysis can do."""
    campaign = history.campaign
    columns = {
        column.name: column
        for number in range(rng.randrange(1, 7))
        for column in _columns(rng, f"c{number}")
    }
    by_window: dict[Window, list[str]] = {}
    for column in columns.values():
        by_window.setdefault(column.maturity, []).append(column.name)
    groups = tuple(_group(rng, window, tuple(names)) for window, names in by_window.items())
    cut = rng.random() < 0.4
    numbers = [c.name for c in columns.values() if not isinstance(c.measure, FunnelSteps)]
    quantiles = [
        UnitQuantile(f"q{n}", name, rng.choice((0.5, 0.9))) for n, name in enumerate(numbers[:1])
    ]
    name, epoch = rng.choice([(campaign.id, 1), (campaign.id, 2), ("other", 1)])
    live = as_of = None
    if rng.random() < 0.5:
        as_of = (START + rng.randrange(2, DAYS) * DAY) // DAY
    else:
        end_us = START + rng.randrange(2, DAYS) * DAY
        late = Lateness(end_us, end_us - DAY) if rng.random() < 0.5 else None
        live = LiveQuestion(history.as_of, rng.choice(_WINDOWS), late)
    codes = tuple((variant, code) for variant, code in campaign.variants.items() if code)
    return LedgerQuery(
        name,
        epoch,
        rng.choice([*IdentityPolicy]),
        rng.choice(_ZONES),
        tuple(columns.values()),
        groups,
        tuple(rng.sample(groups, rng.randrange(1, len(groups) + 1))) if cut else (),
        tuple(quantiles if rng.random() < 0.3 else ()),
        codes if rng.random() < 0.7 else (),
        as_of,
        live,
        EntryRules(
            rng.choice((None, campaign.epoch_start)),
            campaign.pauses,
            campaign.overrides if rng.random() < 0.5 else (),
        ),
        ("tier", "country")[: rng.randrange(3)] if cut else (),
    )


def _group(rng: random.Random, window: Window, names: tuple[str, ...]) -> ColumnGroup:
    pairs = tuple(
        (a, b) for n, a in enumerate(names) for b in names[n:] if a == b or rng.random() < 0.7
    )
    thirds = tuple((name, name, name) for name in names if rng.random() < 0.2)
    return ColumnGroup(window, names, pairs, thirds)


def _columns(rng: random.Random, name: str) -> list[UnitColumn]:
    window = rng.choice(_WINDOWS)
    if rng.random() < 0.2:
        steps = tuple(_measure(rng) for _ in range(rng.randrange(1, 4)))
        return [
            UnitColumn(f"{name}.{number}", FunnelSteps(steps[:number]), window)
            for number in range(1, len(steps) + 1)
        ]
    measure = _measure(rng)
    if isinstance(measure, ReturnMeasure):
        return [UnitColumn(name, measure, window)]
    if rng.random() < 0.2:
        days = rng.choice((1, 7))
        return [UnitColumn(name, measure, before_days=days, is_indicator=rng.random() < 0.3)]
    if rng.random() < 0.2:
        return [UnitColumn(name, measure, window, is_indicator=True)]
    cap = rng.choice((None, None, CapAtAmount(20), CapAtQuantile(0.8)))
    return [UnitColumn(name, measure, window, cap=cap)]


def _measure(rng: random.Random) -> Measure:
    match rng.randrange(6):
        case 0 | 1:
            return ActionMeasure(rng.choice(_ACTIONS), rng.choice([*ActionOf]))
        case 2:
            first = rng.randrange(4)
            last = first + rng.randrange(1, 5)
            return ReturnMeasure(first, last, bought=rng.random() < 0.6)
    measure: OrderMeasure = rng.choice([*OrderMeasure])
    return measure
