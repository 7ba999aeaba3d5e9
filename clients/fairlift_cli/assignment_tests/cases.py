"""The cases of a test file, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from fairlift.engine.attribute_values import AttributeValue
from fairlift.engine.campaign import JSON

from fairlift_cli.findings import Finding


@dataclass(frozen=True, slots=True)
class Expected:
    """What the assignment of one visitor must be; what is None is not compared.

    `payload` holds the entries that must be there, others may be. `lines` has the line of each
    expectation, by its key.
    """

    variant: str | None = None
    reason: str | None = None
    payload: Mapping[str, JSON] | None = None
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """The visitor or visitors of a case, without their ids.

    `time` is None where the case leaves it to the schedule; `holdout_bps` is the shop's holdout.
    """

    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    time: datetime | None = None
    holdout_bps: int = 0


@dataclass(frozen=True, slots=True)
class VisitorCase:
    """One visitor in one campaign.

    `visitor_in` asks for any visitor who gets this variant, in place of a visitor with a known id.
    """

    path: str
    line: int
    name: str
    campaign: str
    situation: Situation
    expected: Expected
    visitor: str = "visitor-1"
    customer: str = ""
    visitor_in: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedShare:
    """The share that is expected, and how far the simulated one may be away; its line."""

    share: float
    line: int
    within: float | None = None


@dataclass(frozen=True, slots=True)
class SharesCase:
    """How many of many simulated visitors enter a campaign, and their split over the variants."""

    path: str
    line: int
    name: str
    campaign: str
    situation: Situation
    visitors: int
    entering: ExpectedShare | None
    shares: Mapping[str, ExpectedShare]


@dataclass(frozen=True, slots=True)
class PairCase:
    """Two campaigns that must be independent, or that no visitor may enter both."""

    path: str
    line: int
    name: str
    campaigns: tuple[str, str]
    situation: Situation
    visitors: int
    is_exclusive: bool


Case: TypeAlias = VisitorCase | SharesCase | PairCase


def campaigns_of_case(case: Case) -> tuple[str, ...]:
    """The ids of the campaigns that the case names."""
    return case.campaigns if isinstance(case, PairCase) else (case.campaign,)


@dataclass(frozen=True, slots=True)
class UnmetExpectation:
    """A line of a test file that expects something else than what the engine decides."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(slots=True)
class CaseFile:
    """The cases of a test file, and the mistakes in it."""

    cases: list[Case] = field(default_factory=list)
    mistakes: list[Finding] = field(default_factory=list)
