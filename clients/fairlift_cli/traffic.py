"""The shop's own figures, `traffic.yaml`: how many visitors, how many buy, and for how much."""

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fairlift.engine.metric import CATALOGUE, RateMetric, catalogue_metric

from fairlift_cli.campaign_files import TRAFFIC_FILE
from fairlift_cli.findings import Finding, did_you_mean
from fairlift_cli.side_files import MappingReader, SideFile
from fairlift_cli.yaml_tree import YAML_NUMBER, Position, YamlEntry, YamlScalar, YamlValue
from fairlift_cli.yaml_values import WrongValue

_SHARES = ("conversion_rate", "correlation")
_ABOVE_ZERO = ("visitors_per_week", "customers_per_week", "ticket")
_NUMBERS = (*_ABOVE_ZERO, *_SHARES, "ticket_sd")
_KEYS = (*_NUMBERS, "metrics")
# Beyond these no shop's figure lies, and no computation with it means anything.
_LEAST, _MOST = 1e-9, 1e12
# Of a rate and its deviation, written by hand with one or two digits.
_ROUNDING = 0.1


@dataclass(frozen=True, slots=True)
class MetricFigures:
    """A metric today, per unit: its mean and its standard deviation."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class CampaignTraffic:
    """What one campaign, or the whole shop, can count on.

    Attributes:
        visitors_per_week, customers_per_week: new ones, who would see a campaign for everybody.
        conversion_rate: share of them that buys within the window.
        ticket, ticket_sd: of one order, in the currency's unit; None where not known.
        correlation: of a metric with the orders before, which `covariate_days` uses; 0 unknown.
        metrics: of other metrics, by name.
    """

    visitors_per_week: float | None = None
    customers_per_week: float | None = None
    conversion_rate: float | None = None
    ticket: float | None = None
    ticket_sd: float | None = None
    correlation: float = 0.0
    metrics: dict[str, MetricFigures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedFigures:
    """Where the file has figures of one campaign, or of one metric."""

    name: str
    is_campaign: bool
    path: str
    field: str
    position: Position


@dataclass(slots=True)
class ShopTraffic:
    """The figures of the shop, and those of single campaigns where they differ.

    Attributes:
        shop: of all visitors.
        campaigns: by campaign id, completed from the shop.
        findings: mistakes in the file.
        named: the campaigns and metrics that it names.
    """

    shop: CampaignTraffic = field(default_factory=CampaignTraffic)
    campaigns: dict[str, CampaignTraffic] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    named: list[NamedFigures] = field(default_factory=list)

    def of(self, campaign: str) -> CampaignTraffic:
        """The figures that hold for a campaign."""
        return self.campaigns.get(campaign, self.shop)

    def of_nothing(self, campaigns: Collection[str], metrics: Collection[str]) -> Iterator[Finding]:
        """Figures that no campaign uses: of another campaign, or of a metric in no plan.

        Args:
            campaigns: the ids of all.
            metrics: the names of all in their plans; those of the catalogue may be unused.
        """
        for named in self.named:
            known = campaigns if named.is_campaign else metrics
            if named.name in known or (not named.is_campaign and named.name in CATALOGUE):
                continue
            what = "is no campaign" if named.is_campaign else "is a metric in no plan"
            hint = did_you_mean(named.name, known) or "; correct the name, or remove it"
            message = f"{what} of these files, so nothing uses its figures{hint}"
            place = named.position
            yield Finding(named.path, place.line, place.column, named.field, message, "FL604")


def read_traffic(folders: Iterable[Path]) -> ShopTraffic | None:
    """The traffic file of the first folder that has one; None where there is none."""
    path = next((p for f in folders if os.path.lexists(p := f / TRAFFIC_FILE)), None)
    if path is None:
        return None
    traffic = ShopTraffic()
    keys = SideFile(path, "FL603", traffic.findings).mapping("a traffic file")
    if keys is not None:
        keys.check_keys((*_KEYS, "campaigns"))
        traffic.shop = _figures(keys, CampaignTraffic(), traffic.named)
        if campaigns := keys.mapping("campaigns"):
            for entry in campaigns.entries:
                if of_campaign := campaigns.mapping(entry.key):
                    of_campaign.check_keys(_KEYS)
                    traffic.named.append(_named(campaigns, entry, is_campaign=True))
                    figures = _figures(of_campaign, traffic.shop, traffic.named)
                    traffic.campaigns[entry.key] = figures
    return traffic


def _named(keys: MappingReader, entry: YamlEntry, *, is_campaign: bool) -> NamedFigures:
    path, at = keys.file.name, entry.position
    return NamedFigures(entry.key, is_campaign, path, keys.path_of(entry.key), at)


def _figures(
    keys: MappingReader, known: CampaignTraffic, named: list[NamedFigures]
) -> CampaignTraffic:
    """The figures of a mapping, the others as they are known."""
    numbers = {name: keys.take(name, read, None) for name, read in _READ.items()}
    given = {name: number for name, number in numbers.items() if number is not None}
    metrics = keys.mapping("metrics")
    own = _metrics(metrics) if metrics else {}
    if metrics:
        named += [_named(metrics, entry, is_campaign=False) for entry in metrics.entries]
    return replace(known, metrics={**known.metrics, **own}, **given)


def _metrics(keys: MappingReader) -> dict[str, MetricFigures]:
    found: dict[str, MetricFigures] = {}
    for entry in keys.entries:
        parts = keys.mapping(entry.key)
        if parts is None:
            continue
        if {part.key for part in parts.entries} != {"mean", "sd"}:
            keys.mistake(entry.key, "must have a mean and an sd, each per visitor")
            continue
        mean, sd = (parts.take(name, _plain_number, None) for name in ("mean", "sd"))
        if mean is None or mean == 0:
            parts.mistake("mean", "must be a number other than 0")
        elif sd is None or sd <= 0:
            parts.mistake("sd", "must be above 0: metrics vary")
        elif wrong := _impossible_of_a_rate(entry.key, mean, sd):
            parts.mistake(*wrong)
        else:
            found[entry.key] = MetricFigures(mean, sd)
    return found


def is_rate(name: str) -> bool:
    """Whether the catalogue has the metric as a share of visitors, each of whom counts once."""
    metric = catalogue_metric(name)
    return metric is not None and isinstance(metric.kind, RateMetric)


def _impossible_of_a_rate(name: str, mean: float, sd: float) -> tuple[str, str] | None:
    """The key and why, where no rate has these figures: a visitor does something, or does not."""
    if not is_rate(name):
        return None
    if not 0 < mean < 1:
        return "mean", f"is {mean:g}, must be a share above 0% and below 100%: {name} is a rate"
    right = math.sqrt(mean * (1 - mean))
    if abs(sd / right - 1) <= _ROUNDING:
        return None
    return "sd", f"is {sd:g}, must be {right:.3g}: that of a rate of {mean:g} is √(p·(1 − p))"


def _share(tree: YamlValue) -> float:
    return _number(tree, lambda n: 0 < n < 1, "must be a share above 0% and below 100%, such as 3%")


def _above_zero(tree: YamlValue) -> float:
    return _number(tree, lambda n: n > 0, "must be a number above 0")


def _deviation(tree: YamlValue) -> float:
    return _number(tree, lambda n: n >= 0, "must be 0 or more: it is a standard deviation")


_READ: Final = {
    **dict.fromkeys(_ABOVE_ZERO, _above_zero),
    **dict.fromkeys(_SHARES, _share),
    "ticket_sd": _deviation,
}


def _number(tree: YamlValue, is_right: Callable[[float], bool], rule: str) -> float:
    number = _plain_number(tree)
    if number is not None and is_right(number):
        return number
    written = tree.text if isinstance(tree, YamlScalar) else "no number"
    any_number = _any_number(tree)
    if any_number is not None and _is_beyond(any_number):
        rule = f"must be between {_LEAST:g} and {_MOST:,.0f}: no shop has such a figure"
    raise WrongValue(f"is {written}, {rule}")


def _plain_number(tree: YamlValue) -> float | None:
    """A number, or a percentage as a share; None where it is neither, or beyond any shop's."""
    number = _any_number(tree)
    return None if number is None or _is_beyond(number) else number


def _any_number(tree: YamlValue) -> float | None:
    if not isinstance(tree, YamlScalar):
        return None
    text = tree.text.removesuffix("%").strip()
    if not YAML_NUMBER.fullmatch(text):
        return None
    return float(text.replace("_", "")) / (100 if tree.text.endswith("%") else 1)


def _is_beyond(number: float) -> bool:
    return number != 0 and not _LEAST <= abs(number) <= _MOST
