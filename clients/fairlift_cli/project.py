"""The project file `fairlift.yaml`: what holds for all campaigns of a repository."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fairlift.engine.campaign import AttributeType
from fairlift.engine.errors import InvalidCampaign
from fairlift.v1.campaign_pb2 import Campaign, Variant
from fairlift.v1.plan_pb2 import Plan, PlannedMetric
from fairlift.wire.campaign import campaign_from

from fairlift_cli.campaign_files import PROJECT_FILE
from fairlift_cli.environments import Environment, read_environments, server_of, text_of
from fairlift_cli.failures import Misused
from fairlift_cli.fields import MessageReader, nearest_place
from fairlift_cli.findings import Finding, did_you_mean
from fairlift_cli.rules import Level, rules
from fairlift_cli.side_files import MappingReader, SideFile, path_as_shown
from fairlift_cli.yaml_tree import Position, YamlValue
from fairlift_cli.yaml_values import WrongValue

KEYS: Final = (*("server", "environments", "defaults", "levels", "naming", "attributes", "labels"),)
# What a campaign may take from the project; all else is its own.
DEFAULTS: Final = frozenset({"unit", "traffic", "traffic_bps", "time_zone", "currency_code"})
PLAN_DEFAULTS: Final = frozenset(
    {
        *("alpha", "power", "minimum_days", "maximum_days", "window_days", "window", "stopping"),
        *("segments", "covariate_days", "identity_policy", "decide", "settle_hours"),
    }
)

# The least campaign that has nothing wrong: what it breaks with the defaults is theirs.
_VARIANTS: Final = [Variant(id="a", weight=1), Variant(id="b", weight=1)]
_PLAN: Final = Plan(
    primary=[PlannedMetric(metric="conversion_rate", minimum_effect=0.05)],
    planned_units=1,
    maximum_days=728,  # the most, as a campaign may choose it
)


@dataclass(slots=True)
class Project:
    """What `fairlift.yaml` says, as far as it could be read; without one, nothing.

    Attributes:
        path: of the file, as findings name it.
        folder: that it lies in; None without one.
        server: HOST:PORT, for commands that are given none.
        environments: servers that `--env` chooses, by name.
        levels: of rules, by id.
        naming: what the ids of campaigns must match as a whole.
        attributes: what storefronts send, by name; no other attribute is allowed. Empty: any.
        labels: keys of labels that every campaign must have.
        defaults: what campaigns that do not say it themselves take over.
        findings: mistakes in the file.
        places: of the defaults, by the field path of a campaign: where, and as it is written.
    """

    path: str = ""
    folder: Path | None = None
    server: str = ""
    environments: dict[str, Environment] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)
    naming: re.Pattern[str] | None = None
    attributes: dict[str, AttributeType] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    defaults: Campaign = field(default_factory=Campaign)
    findings: list[Finding] = field(default_factory=list)
    places: dict[str, tuple[Position, str]] = field(default_factory=dict)

    def place_of_default(self, *paths: str) -> tuple[Position, str] | None:
        """Where the first of these fields has its default, and how it is written; else None."""
        return next((self.places[path] for path in paths if path in self.places), None)


def project_folder(start: Path) -> Path | None:
    """The folder of the project file: the nearest one upwards, within the repository."""
    start = Path(os.path.abspath(start))  # noqa: PTH100  # links stay as they are written
    for folder in (start, *start.parents):
        if os.path.lexists(folder / PROJECT_FILE):
            return folder
        if (folder / ".git").exists():
            return None
    return None


def project_of(paths: Sequence[Path]) -> Project:
    """The project that the paths belong to.

    Raises:
        Misused: they belong to different ones, which have different rules.
    """
    folders = {
        project_folder(path if path.is_dir() else path.parent): path for path in paths or (Path(),)
    }
    if len(folders) > 1:
        (_, one), (_, other), *_ = folders.items()
        raise Misused(
            f"{one} and {other} belong to different projects, by the {PROJECT_FILE} above them; "
            "check them one at a time"
        )
    (folder,) = folders
    return read_project(folder) if folder is not None else Project()


def read_project(folder: Path) -> Project:
    """The project file of the folder."""
    path = folder / PROJECT_FILE
    project = Project(path_as_shown(path), folder)
    file = SideFile(path, "FL701", project.findings)
    keys = file.mapping("a project file")
    if keys is not None:
        keys.check_keys(KEYS)
        project.server = keys.take("server", server_of, "")
        project.environments = read_environments(keys)
        project.naming = keys.take("naming", _pattern, None)
        project.levels = _levels(keys)
        project.attributes = _attributes(keys)
        project.labels = tuple(keys.texts("labels", "the labels that are required"))
        _read_defaults(keys, project)
    return project


def _pattern(tree: YamlValue) -> re.Pattern[str] | None:
    try:
        return re.compile(text_of(tree))
    except (re.error, OverflowError, RecursionError) as error:
        raise WrongValue(f"is not a regular expression: {error}") from None


def _levels(keys: MappingReader) -> dict[str, Level]:
    levels: dict[str, Level] = {}
    if listed := keys.mapping("levels"):
        for entry in listed.entries:
            level = listed.take(entry.key, text_of, None)
            rule = rules().get(entry.key)
            if level is None:
                continue  # told already
            if rule is None:
                listed.mistake(entry.key, "is not a rule; `fairlift explain` lists all")
            elif level not in tuple(Level):
                listed.mistake(entry.key, f'is "{level}", must be error, warning or off')
            elif rule.is_fixed and level != Level.ERROR:
                message = "is always an error: nothing can be applied that breaks this rule"
                listed.mistake(entry.key, message)
            else:
                levels[entry.key] = Level(level)
    return levels


def _attributes(keys: MappingReader) -> dict[str, AttributeType]:
    types: dict[str, AttributeType] = {}
    if listed := keys.mapping("attributes"):
        for entry in listed.entries:
            known = listed.take(entry.key, _attribute_type, None)
            if known is not None:
                types[entry.key] = known
    return types


def _attribute_type(tree: YamlValue) -> AttributeType | None:
    written = text_of(tree)
    types = {str(known): known for known in AttributeType}
    if written not in types:
        hint = did_you_mean(written, types)
        raise WrongValue(f'is "{written}", must be one of {", ".join(types)}{hint}')
    return types[written]


def _read_defaults(keys: MappingReader, project: Project) -> None:
    """Fills the message that has the defaults, unless there is a mistake in them."""
    defaults = project.defaults
    entry, listed = keys.entry("defaults"), keys.mapping("defaults")
    if entry is None or listed is None:
        return
    mistakes = len(keys.file.findings)
    _check_defaults(listed, (*DEFAULTS, "plan"))
    if plan := listed.mapping("plan"):
        _check_defaults(plan, PLAN_DEFAULTS)
    if len(keys.file.findings) > mistakes:
        return
    reader = MessageReader(keys.file.name)
    reader.read(entry.value, defaults)
    keys.file.add(reader.findings, "defaults.")
    if not reader.findings:
        keys.file.add(_broken_by(defaults, reader), "defaults.")
    if len(keys.file.findings) > mistakes:
        defaults.Clear()  # else each campaign would be told of it
    else:
        project.places = {
            path: (place, f"defaults.{written}")
            for path, (place, written) in reader.positions.items()
        }


def _check_defaults(keys: MappingReader, known: Iterable[str]) -> None:
    for entry in keys.entries:
        if entry.key not in known:
            message = f"is no default; known are {', '.join(sorted(known))}"
            keys.mistake(entry.key, message)


def _broken_by(defaults: Campaign, reader: MessageReader) -> Iterator[Finding]:
    """Rules that every campaign would break that takes the defaults over."""
    campaign = Campaign(name="campaigns/x", variants=_VARIANTS, plan=_PLAN)
    campaign.MergeFrom(defaults)
    try:
        campaign_from(campaign)
    except InvalidCampaign as error:
        for violation in error.violations:
            place, written = nearest_place(reader.positions, violation.field)
            message = f"{violation.message}: so it is in every campaign that takes it over"
            yield Finding("", place.line, place.column, written, message, "FL701")
