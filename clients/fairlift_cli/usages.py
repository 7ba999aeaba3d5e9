"""The `find-usage` command: where campaigns use an attribute, a metric or a coupon."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fairlift.engine.audience import attributes
from fairlift.engine.campaign import COUPON_KEYS
from fairlift.engine.errors import InvalidCampaign
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.wire.audience import condition_from
from fairlift.wire.campaign import campaign_id

from fairlift_cli.campaign_commands import state_word
from fairlift_cli.campaign_files import (
    STANDARD_INPUT,
    campaign_files,
    reason_not_to_read,
    shared_files,
)
from fairlift_cli.case_files import case_files_in
from fairlift_cli.check import check_files
from fairlift_cli.fields import nearest_place
from fairlift_cli.reader import Document
from fairlift_cli.yaml_tree import with_plain_breaks


@dataclass(frozen=True, slots=True)
class Usage:
    """One place; `path` and `line` in files, `state` on the server, else empty and 0.

    A mention, of a word in shared files, tests and files that cannot be understood, has neither a
    campaign nor a field.
    """

    kind: str
    campaign: str = ""
    field: str = ""
    path: str = ""
    line: int = 0
    state: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.path else ""
        if not self.field:
            return f"{place}{self.kind}"
        state = f" ({self.state})" if self.state else ""
        return f"{place}{self.campaign}{state}: {self.kind} in {self.field}"

    def as_json(self) -> dict[str, object]:
        """The usage for programs."""
        return asdict(self)


def usages_in_files(name: str, paths: Sequence[Path]) -> list[Usage]:
    """The usages in campaign files, whatever mistakes they have elsewhere, and mentions.

    Raises:
        NothingToRead: a path leads to no campaign file.
    """
    found = [
        Usage(kind, campaign_id(document.name), field, document.path, _line(document, field))
        for document in check_files(paths).documents
        for kind, field in _usages(document.message, name)
        # A shared metric stands in the plan, and not in the file of the plan.
        if field in document.positions or not field.startswith("plan.metrics[")
    ]
    known = {(usage.path, usage.line) for usage in found}
    mentions = (each for each in _mentions(name, paths) if (each.path, each.line) not in known)
    return sorted([*found, *mentions], key=lambda usage: (usage.path, usage.line))


def _mentions(name: str, paths: Sequence[Path]) -> Iterator[Usage]:
    """Where the name stands as a word of its own."""
    folders = [path for path in paths if path.is_dir()]
    tests = (test for folder in folders for test in case_files_in(folder))
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    for path in dict.fromkeys([*campaign_files(paths), *shared_files(folders), *tests]):
        if path == STANDARD_INPUT or reason_not_to_read(path):
            continue
        lines = with_plain_breaks(path.read_text("utf-8", "replace")).split("\n")
        for number, line in enumerate(lines, 1):
            if word.search(line):
                yield Usage("mention", path=str(path), line=number)


def usages_on_server(name: str, campaigns: Iterable[Campaign]) -> list[Usage]:
    """The usages in campaigns of the server."""
    return [
        Usage(kind, campaign_id(campaign.name), field, state=state_word(campaign.state))
        for campaign in campaigns
        for kind, field in _usages(campaign, name)
    ]


def _usages(campaign: Campaign, name: str) -> Iterator[tuple[str, str]]:
    """Kind and field of each usage of the name."""
    if name in campaign.attributes:
        yield "attribute", f"attributes.{name}"
    if campaign.HasField("audience") and name in _attributes_of(campaign):
        yield "attribute", "audience"
    plan = campaign.plan
    for index, segment in enumerate(plan.segments):
        if segment == name:
            yield "attribute", f"plan.segments[{index}]"
    for role in ("primary", "secondary", "guardrails"):
        for index, planned in enumerate(getattr(plan, role)):
            if planned.metric == name:
                yield "metric", f"plan.{role}[{index}].metric"
    for index, metric in enumerate(plan.metrics):
        if metric.name == name:
            yield "metric", f"plan.metrics[{index}].name"
    for index, variant in enumerate(campaign.variants):
        for key in COUPON_KEYS:
            value = variant.payload.fields.get(key)
            # As an order's coupons are compared: in capitals or not.
            if value is not None and value.string_value.casefold() == name.casefold():
                yield "coupon", f"variants[{index}].payload.{key}"


def _attributes_of(campaign: Campaign) -> frozenset[str]:
    try:
        return frozenset(attributes(condition_from(campaign.audience)))
    except InvalidCampaign:
        return frozenset()


def _line(document: Document, field: str) -> int:
    """The line of the field, or of the nearest part of the campaign around it."""
    position, _ = nearest_place(document.positions, field)
    return position.line
