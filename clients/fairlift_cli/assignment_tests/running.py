"""Runs cases: asks the engine, and says where its answer is not the expected one."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from fairlift.engine.assignment import Assignment
from fairlift.engine.attribute_values import AttributeValue
from fairlift.engine.campaign import JSON, Campaign, UnitKind
from fairlift.engine.decision import CompiledSnapshot

from fairlift_cli.assignment_tests.cases import (
    Case,
    ExpectedShare,
    PairCase,
    SharesCase,
    Situation,
    UnmetExpectation,
    VisitorCase,
    campaigns_of_case,
)
from fairlift_cli.simulation import open_moment, simulated_snapshot

# Visitors that are tried until one gets a variant; 1 : 1,000 is found in all but e^-20 of searches.
_MOST_TRIED = 20_000
# Standard deviations: by chance alone, one share in two million is further away.
_TOLERANCE = 5.0
# Shares are whole buckets of 10,000, which are rounded.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case: no failures when it holds."""

    case: Case
    failures: tuple[UnmetExpectation, ...]


@dataclass(slots=True)
class CaseRunner:
    """Runs cases of the given campaigns; each share of holdout is compiled once."""

    campaigns: Mapping[str, Campaign]
    _compiled: dict[int, CompiledSnapshot] = field(default_factory=dict)

    def results(self, cases: Iterable[Case]) -> Iterator[CaseResult]:
        """The result of each case, in order."""
        for case in cases:
            yield CaseResult(case, tuple(self._failures(case)))

    def _failures(self, case: Case) -> Iterator[UnmetExpectation]:
        match case:
            case VisitorCase():
                yield from self._of_visitor(case)
            case SharesCase():
                yield from self._of_shares(case)
            case PairCase():
                yield from self._of_pair(case)
            case _:
                assert_never(case)

    def _of_visitor(self, case: VisitorCase) -> Iterator[UnmetExpectation]:
        visitor, customer = case.visitor, case.customer
        if case.visitor_in:
            numbers = range(1, _MOST_TRIED + 1)
            found = next((number for number in numbers if self._has_variant(case, number)), None)
            if found is None:
                assigned = self._decided(case, *_person(1))
                yield UnmetExpectation(
                    case.path,
                    case.line,
                    f"none of {_MOST_TRIED:,} visitors gets {case.visitor_in} in {case.campaign}; "
                    f"the first one gets {assigned.variant} ({assigned.reason})",
                )
                return
            visitor, customer = _person(found)
        assigned = self._decided(case, visitor, customer)
        expected = case.expected
        who = customer if self._is_of_customers(case.campaign) else visitor
        for key, wanted, actual in (
            ("variant", expected.variant, assigned.variant),
            ("reason", expected.reason, str(assigned.reason)),
        ):
            if wanted is not None and wanted != actual:
                other = assigned.reason if key == "variant" else assigned.variant
                message = f"{key}: expected {wanted}, {who or 'nobody'} got {actual} ({other})"
                yield UnmetExpectation(case.path, expected.lines.get(key, case.line), message)
        if expected.payload is not None:
            line = expected.lines.get("payload", case.line)
            for message in _differences(expected.payload, assigned.payload):
                yield UnmetExpectation(case.path, line, f"{message} (variant {assigned.variant})")

    def _has_variant(self, case: VisitorCase, number: int) -> bool:
        assigned = self._decided(case, *_person(number))
        return assigned.is_in_campaign and assigned.variant == case.visitor_in

    def _decided(self, case: VisitorCase, visitor: str, customer: str) -> Assignment:
        return self._snapshot(case.situation).decide(
            case.campaign,
            visitor=visitor,
            customer=customer,
            attributes=dict(case.situation.attributes),
            now=self._moment(case),
        )

    def _of_shares(self, case: SharesCase) -> Iterator[UnmetExpectation]:
        counts: Counter[str] = Counter()
        (assigned_to,) = self._simulated(case, case.visitors)
        counts.update(variant for variant in assigned_to if variant is not None)
        entered = counts.total()
        if case.entering is not None:
            bounds = case.entering
            yield from _beyond(case, "entering", entered, case.visitors, bounds)
        if case.shares and not entered:
            message = f"none of {case.visitors:,} visitors enters {case.campaign}"
            yield UnmetExpectation(case.path, case.line, message)
            return
        for variant, bounds in case.shares.items():
            yield from _beyond(case, variant, counts[variant], entered, bounds)

    def _of_pair(self, case: PairCase) -> Iterator[UnmetExpectation]:
        one, other = case.campaigns
        pairs = Counter(zip(*self._simulated(case, case.visitors), strict=True))
        both = {pair: n for pair, n in pairs.items() if None not in pair}
        together = sum(both.values())
        if case.is_exclusive:
            if together:
                message = f"{together:,} of {case.visitors:,} visitors enter both {one} and {other}"
                yield UnmetExpectation(case.path, case.line, message)
            return
        if not together:
            message = (
                f"none of {case.visitors:,} visitors enters both {one} and {other}; if that is "
                "meant, write exclusive in place of independent"
            )
            yield UnmetExpectation(case.path, case.line, message)
            return
        yield from _dependence(case, both, together)

    def _simulated(
        self, case: SharesCase | PairCase, visitors: int
    ) -> tuple[list[str | None], ...]:
        """By campaign of the case: each visitor's variant, None for those who do not enter."""
        snapshot, now = self._snapshot(case.situation), self._moment(case)
        attributes: dict[str, AttributeValue] = dict(case.situation.attributes)
        assigned_to: list[list[str | None]] = []
        for campaign in campaigns_of_case(case):
            variants: list[str | None] = []
            for number in range(visitors):
                visitor, customer = _person(number)
                assigned = snapshot.decide(
                    campaign, visitor=visitor, customer=customer, attributes=attributes, now=now
                )
                variants.append(assigned.variant if assigned.is_in_campaign else None)
            assigned_to.append(variants)
        return tuple(assigned_to)

    def _moment(self, case: Case) -> float:
        if case.situation.time is not None:
            return case.situation.time.timestamp()
        return max(
            open_moment(self.campaigns[name]) for name in campaigns_of_case(case)
        ).timestamp()

    def _is_of_customers(self, campaign: str) -> bool:
        return self.campaigns[campaign].unit is UnitKind.CUSTOMER

    def _snapshot(self, situation: Situation) -> CompiledSnapshot:
        bps = situation.holdout_bps
        if bps not in self._compiled:
            self._compiled[bps] = simulated_snapshot(self.campaigns.values(), holdout_bps=bps)
        return self._compiled[bps]


def _person(number: int) -> tuple[str, str]:
    """The ids of a simulated person as a visitor and as a customer; they differ, as in a shop."""
    return f"visitor-{number}", f"customer-{number}"


def _beyond(
    case: SharesCase, what: str, count: int, of: int, bounds: ExpectedShare
) -> Iterator[UnmetExpectation]:
    """A mistake if the share is further away than the bounds, or than chance, allow."""
    chance = _TOLERANCE * math.sqrt(bounds.share * (1 - bounds.share) / of) + _ROUNDING
    within = chance if bounds.within is None else bounds.within
    share = count / of
    # Of floating point alone, 0.51 - 0.5 is more than 0.01.
    if abs(share - bounds.share) > within + 1e-12:
        message = (
            f"{what}: expected {bounds.share:.2%} within {within:.2%}, got {share:.2%} "
            f"({count:,} of {of:,} simulated visitors)"
        )
        yield UnmetExpectation(case.path, bounds.line, message)


def _dependence(
    case: PairCase, both: Mapping[tuple[str | None, str | None], int], together: int
) -> Iterator[UnmetExpectation]:
    """A mistake for each variant of the first that changes the split of the second."""
    one, other = case.campaigns
    ones: Counter[str | None] = Counter()
    others: Counter[str | None] = Counter()
    for (first, second), count in both.items():
        ones[first] += count
        others[second] += count
    for first, of_first in ones.items():
        for second, of_second in others.items():
            overall = of_second / together
            share = both.get((first, second), 0) / of_first
            spread = math.sqrt(overall * (1 - overall) * (1 / of_first - 1 / together))
            if abs(share - overall) > _TOLERANCE * spread + _ROUNDING:
                message = (
                    f"not independent: {second} of {other} has {overall:.2%} of the visitors of "
                    f"both campaigns, but {share:.2%} of those with {first} of {one}"
                )
                yield UnmetExpectation(case.path, case.line, message)


def _differences(
    expected: Mapping[str, JSON], actual: Mapping[str, JSON], at: str = "payload"
) -> Iterator[str]:
    for key, wanted in expected.items():
        where = f"{at}.{key}"
        if key not in actual:
            yield f"{where}: expected {json.dumps(wanted)}, is not there"
        elif isinstance(wanted, dict) and isinstance(found := actual[key], dict):
            yield from _differences(wanted, found, where)
        elif not _is_equal(wanted, actual[key]):
            yield f"{where}: expected {json.dumps(wanted)}, got {json.dumps(actual[key])}"


def _is_equal(one: JSON, other: JSON) -> bool:
    """As JSON: true is not 1, and 50 is 50.0."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other
