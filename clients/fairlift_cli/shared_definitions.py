"""What campaigns use by name: metrics.yaml, audiences.yaml, and the defaults of the project."""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from fairlift.engine.audience import Condition
from fairlift.engine.errors import InvalidAudience, InvalidCampaign
from fairlift.engine.metric import catalogue_metric
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.plan_pb2 import Metric, Plan
from google.protobuf.message import Message

from fairlift_cli.audience.parser import parse
from fairlift_cli.campaign_files import AUDIENCES_FILE, METRICS_FILE
from fairlift_cli.fields import MessageReader
from fairlift_cli.findings import Finding
from fairlift_cli.project import Project
from fairlift_cli.side_files import MappingReader, SideFile
from fairlift_cli.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlScalar

_NAMED = re.compile(r"\baudience\(\s*([^\s()]+)")
_WINDOWS = ("window", "window_days")


@dataclass(slots=True)
class Shared:
    """Metrics and audiences that campaigns use by name, and defaults that they take over."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    audiences: dict[str, Condition] = field(default_factory=dict)
    defaults: Campaign = field(default_factory=Campaign)
    findings: list[Finding] = field(default_factory=list)
    places: dict[str, Finding] = field(default_factory=dict)
    used_metrics: set[str] = field(default_factory=set)

    def complete(self, campaign: Campaign) -> None:
        """Adds to the message what the project's files say for it."""
        _take_over(self.defaults, campaign)
        if not campaign.HasField("plan") or not self.metrics:
            return
        plan = campaign.plan
        own = {metric.name for metric in plan.metrics}
        for planned in (*plan.primary, *plan.secondary, *plan.guardrails):
            if planned.metric in self.metrics:
                self.used_metrics.add(planned.metric)
                if planned.metric not in own:
                    own.add(planned.metric)
                    plan.metrics.add().CopyFrom(self.metrics[planned.metric])

    def shadowed(self, campaign: Campaign) -> Iterable[tuple[str, str]]:
        """Fields of metrics that the campaign defines in another way than metrics.yaml; why."""
        for index, metric in enumerate(campaign.plan.metrics):
            if self.metrics.get(metric.name, metric) != metric:
                message = (
                    f"{metric.name} is defined in another way in {METRICS_FILE}, and this one "
                    "counts here: reports would show two numbers under one name; remove it, or "
                    "rename it"
                )
                yield f"plan.metrics[{index}].name", message

    def unused(self) -> Iterable[Finding]:
        """Shared metrics that no campaign uses."""
        for name in self.metrics.keys() - self.used_metrics:
            yield self.places[name]


def read_shared(folders: Iterable[Path], project: Project) -> Shared:
    """The shared files of the folders; the project's folder is one of them."""
    shared = Shared(defaults=project.defaults)
    unique = dict.fromkeys(folder for folder in (project.folder, *folders) if folder is not None)
    resolved: set[Path] = set()
    for folder in unique:
        if (known := folder.resolve()) in resolved:
            continue
        resolved.add(known)
        if os.path.lexists(path := folder / METRICS_FILE):
            _metrics(path, shared)
        if os.path.lexists(path := folder / AUDIENCES_FILE):
            _audiences(path, shared)
    return shared


def _metrics(path: Path, shared: Shared) -> None:
    file = SideFile(path, "FL703", shared.findings)
    content = _content(file, "metrics", "a file of metrics")
    if content is None:
        return
    if not isinstance(content.value, YamlList):
        rule = "must be a list of metrics, each with a name"
        file.mistake("metrics", rule, content.position)
        return
    reader = MessageReader(file.name)
    for index, item in enumerate(content.value.items):
        at = f"metrics[{index}]"
        metric, place = Metric(), item.position
        reader.read(item, metric, at)
        if catalogue_metric(metric.name):
            file.mistake(f"{at}.name", f"{metric.name} is built in; choose another", place)
        elif metric.name in shared.metrics:
            file.mistake(f"{at}.name", f"{metric.name} is already defined", place)
        elif metric.name:
            shared.metrics[metric.name] = metric
            message = f"{metric.name} is used by none of these campaigns"
            shared.places[metric.name] = Finding(
                file.name, place.line, place.column, f"{at}.name", message, "FL524"
            )
    file.add(reader.findings)


def _audiences(path: Path, shared: Shared) -> None:
    file = SideFile(path, "FL703", shared.findings)
    content = _content(file, "audiences", "a file of audiences")
    if content is None:
        return
    if not isinstance(content.value, YamlMapping):
        rule = "must be a mapping from names to audiences"
        file.mistake("audiences", rule, content.position)
        return
    keys = MappingReader(content.value, file, "audiences.")
    lines: dict[str, YamlScalar] = {}
    for entry in keys.entries:
        if entry.key in shared.audiences:
            keys.mistake(entry.key, "is already defined")
        elif not isinstance(entry.value, YamlScalar) or entry.value.is_null:
            keys.mistake(entry.key, "must be an audience in one line, such as `vip`")
        else:
            lines[entry.key] = entry.value
    builds_on = {
        name: [other for other in _NAMED.findall(line.text) if other in lines]
        for name, line in lines.items()
    }
    placed = _in_order(builds_on)
    circles = _circles({name: builds_on[name] for name in lines if name not in placed})
    for first, *rest in circles:
        way = " → ".join((first, *rest, first))
        keys.mistake(first, f"leads in a circle, {way}; let one of them do without the next")
    in_circles = {name for circle in circles for name in circle}
    for name in dict.fromkeys((*placed, *lines)):
        if name not in in_circles:
            _audience(name, lines[name], keys, shared)


def _audience(name: str, line: YamlScalar, keys: MappingReader, shared: Shared) -> None:
    try:
        shared.audiences[name] = parse(line.text.rstrip(), shared.audiences)
    except InvalidAudience as error:
        sentence = error.violations[0].message.partition(": ")[2]
        keys.mistake(name, sentence, line.position_of(error.position))
    except InvalidCampaign as error:
        keys.mistake(name, str(error))


def _in_order(builds_on: Mapping[str, Sequence[str]]) -> dict[str, None]:
    """The names, each after those that it builds on; without those that lead into a circle."""
    sorter = TopologicalSorter(builds_on)
    with contextlib.suppress(CycleError):
        sorter.prepare()
    placed: dict[str, None] = {}
    while ready := sorter.get_ready():
        placed |= dict.fromkeys(ready)
        sorter.done(*ready)
    return placed


def _circles(builds_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Circles that have no name in common, if each of the names leads into one."""
    circles: list[list[str]] = []
    walk_of: dict[str, str] = {}
    for start in builds_on:
        way: list[str] = []
        name = start
        while name not in walk_of:
            walk_of[name] = start
            way.append(name)
            name = next(other for other in builds_on[name] if other in builds_on)
        if walk_of[name] == start and name in way:
            circles.append(way[way.index(name) :])
    return circles


def _content(file: SideFile, key: str, described: str) -> YamlEntry | None:
    """The entry of the file's only key."""
    keys = file.mapping(described)
    if keys is None:
        return None
    for entry in keys.entries:
        if entry.key != key:
            keys.mistake(entry.key, f"is not known; this file has one key, {key}")
    return keys.entry(key)


def _take_over(defaults: Message, message: Message) -> None:
    """Sets the fields that the message lacks as the defaults have them."""
    present = {field.name for field, _ in message.ListFields()}
    for described, value in defaults.ListFields():
        name = described.name
        if name == "plan":
            if name in present:
                _take_over(value, getattr(message, name))
        elif name in present or _is_set_otherwise(message, name, present):
            continue
        elif described.is_repeated:
            getattr(message, name).extend(value)
        elif described.message_type:
            getattr(message, name).CopyFrom(value)
        else:
            setattr(message, name, value)


def _is_set_otherwise(message: Message, name: str, present: set[str]) -> bool:
    """Whether a key that says the same in another way is there."""
    return isinstance(message, Plan) and name in _WINDOWS and any(w in present for w in _WINDOWS)
