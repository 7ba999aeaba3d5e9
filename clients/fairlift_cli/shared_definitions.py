"""What campaigns use by name: metrics.yaml, audiences.yaml, and the defaults of the project."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
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
    for entry in keys.entries:
        if entry.key in shared.audiences:
            keys.mistake(entry.key, "is already defined")
            continue
        if not isinstance(entry.value, YamlScalar) or entry.value.is_null:
            keys.mistake(entry.key, "must be an audience in one line, such as `vip`")
            continue
        try:
            # Audiences of the file may build on those above them.
            shared.audiences[entry.key] = parse(entry.value.text.rstrip(), shared.audiences)
        except InvalidAudience as error:
            sentence = error.violations[0].message.partition(": ")[2]
            keys.mistake(entry.key, sentence, entry.value.position_of(error.position))
        except InvalidCampaign as error:
            keys.mistake(entry.key, str(error))


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
