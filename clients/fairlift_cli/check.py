"""Checks campaign files: what cannot be read, what the engine refuses, and what is doubtful."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from fairlift.engine.campaign import AttributeType, Campaign
from fairlift.engine.errors import Violation
from fairlift.wire.campaign import campaign_id

from fairlift_cli.beside_campaigns import figures_of_nothing, not_read
from fairlift_cli.campaign_files import (
    STANDARD_INPUT,
    NothingToRead,
    campaign_files,
)
from fairlift_cli.checks.audience_checks import audience_judgements
from fairlift_cli.checks.judgeable import JudgeableCampaign, judged_campaign
from fairlift_cli.checks.judgement import Judgement
from fairlift_cli.checks.plan_checks import plan_judgements
from fairlift_cli.checks.project_checks import project_judgements
from fairlift_cli.checks.schedule_checks import schedule_judgements
from fairlift_cli.checks.set_checks import among_judgements
from fairlift_cli.checks.variant_checks import variant_judgements
from fairlift_cli.findings import Finding, in_order
from fairlift_cli.ignores import Ignore, ignores_of, without_ignored
from fairlift_cli.project import Project, project_of
from fairlift_cli.reader import Document, read
from fairlift_cli.rule_of_violation import rule_of_violation
from fairlift_cli.rules import Level, rules
from fairlift_cli.shared_definitions import Shared, read_shared
from fairlift_cli.traffic import ShopTraffic, read_traffic

# What such a finding is about has campaigns that nobody knows.
_UNREAD = frozenset({"FL101", "FL103", "FL104", "FL110"})
# What brings a finding, where it is another field than the one that would mend it.
_CAUSES = {"FL515": "unit"}
# How the engine tells a value that no file gives.
_OF_NOTHING = re.compile(r"^(is 0(\.0)?,|''(?= must))")


@dataclass(frozen=True)
class CheckResult:
    """The campaigns of the files, and all that was found, in order.

    `paths` are the files that were read, as findings name them.
    """

    documents: tuple[Document, ...]
    found: tuple[Finding, ...]
    paths: tuple[str, ...] = ()

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The errors."""
        return tuple(finding for finding in self.found if finding.level is Level.ERROR)

    @cached_property
    def warnings(self) -> tuple[Finding, ...]:
        """What is doubtful."""
        return tuple(finding for finding in self.found if finding.level is Level.WARNING)


def check_files(
    paths: Iterable[Path], *, now: datetime | None = None, project: Project | None = None
) -> CheckResult:
    """Reads the files, and the YAML files in folders, and checks all campaigns together.

    Args:
        paths: files, folders, or - for standard input.
        now: for schedules that are over; default: the clock.
        project: default: what `fairlift.yaml` says that is nearest to the first path.

    Raises:
        NothingToRead: a path leads to no campaign file, and the files beside have no mistake.
    """
    paths = list(paths)
    files, nothing_to_read = _files_of(paths)
    project = project or project_of(paths)
    folders = [path if path.is_dir() else path.parent for path in paths]
    shared = read_shared(folders, project)
    traffic = read_traffic(folder for folder in (project.folder, *folders) if folder is not None)
    documents: list[Document] = []
    findings: list[Finding] = [*project.findings, *shared.findings]
    if traffic is not None:
        findings += traffic.findings
    if nothing_to_read is not None and not findings:
        raise nothing_to_read
    ignores: dict[str, list[Ignore]] = {}
    for path in files:
        result = read(path, shared)
        documents += result.documents
        findings += result.findings
        if result.ignores:
            ignores[str(path)] = result.ignores
    findings += _shadowed(documents, shared)
    known = traffic if traffic is not None and not traffic.findings else None
    findings += check_documents(
        documents,
        now=now or datetime.now(UTC),
        project=project,
        traffic=known,
        is_all=not any(finding.rule in _UNREAD for finding in findings),
    )
    if any(path.is_dir() for path in paths):
        findings += shared.unused()
        if traffic is not None and not any(finding.rule in _UNREAD for finding in findings):
            findings += figures_of_nothing(traffic, documents)
        findings += not_read(folders, project)
    findings = in_order(findings)
    of_defaults = {finding.line for finding in findings if finding.path == project.path}
    if project.path and of_defaults:
        # The others may be about campaigns that are not checked now.
        comments = ignores_of(Path(project.path))
        ignores[project.path] = [each for each in comments if each.about in of_defaults]
    kept = without_ignored(findings, ignores)
    names = tuple("<stdin>" if path == STANDARD_INPUT else str(path) for path in files)
    return CheckResult(tuple(documents), tuple(in_order(levelled(kept, project))), names)


def _files_of(paths: Sequence[Path]) -> tuple[list[Path], NothingToRead | None]:
    """The campaign files, or why there are none; mistakes beside them, such as a token, count."""
    try:
        return campaign_files(paths), None
    except NothingToRead as nothing:
        if not all(path.is_dir() for path in paths):
            raise
        return [], nothing


def levelled(findings: Iterable[Finding], project: Project) -> Iterator[Finding]:
    """The findings with the levels that the project gives to their rules."""
    for finding in findings:
        rule = rules()[finding.rule]
        level = project.levels.get(finding.rule, rule.level)
        if level is not Level.OFF:
            yield replace(finding, level=level)


def check_documents(
    documents: Sequence[Document],
    *,
    now: datetime,
    project: Project | None = None,
    traffic: ShopTraffic | None = None,
    is_all: bool = True,
) -> Iterator[Finding]:
    """What the engine refuses and what is doubtful, in each campaign and among all of them.

    Args:
        documents: the campaigns.
        now: for schedules that are over.
        project: without one, nothing is asked of all campaigns.
        traffic: of the shop, if it is known.
        is_all: whether no file has more campaigns, which could not be read.
    """
    project = project or Project()
    first_by_name: dict[str, Document] = {}
    campaigns: dict[str, JudgeableCampaign] = {}
    for document in documents:
        name = campaign_id(document.name)
        if name and name in first_by_name:
            position, _ = first_by_name[name].positions["name"]
            where = f"{first_by_name[name].path}:{position.line}"
            message = f"{name} is also defined at {where}"
            yield from _finding(document, Judgement("FL202", "name", message))
        first_by_name.setdefault(name, document)
        found, violations = judged_campaign(document.message, document.flagged)
        for judgement in _refusals(document, violations):
            yield from _finding(document, judgement)
        if found is None or not found.can_be_judged("FL216", "name"):
            is_all = False
        else:
            campaigns.setdefault(name, found)
        if found is None:
            continue
        for judgement in _doubts(found.campaign, now, project, traffic):
            if found.can_be_judged(judgement.rule, judgement.field):
                yield from _finding(document, judgement, project)
    for name, judgement in among_judgements(campaigns, is_all=is_all, now=now):
        yield from _finding(first_by_name[name], judgement)
    if is_all:
        yield from _missing_prerequisites(documents)


def _refusals(document: Document, violations: Iterable[Violation]) -> Iterator[Judgement]:
    for violation in violations:
        rule = rule_of_violation(violation)
        if violation.field == "name" and document.has_mistake_in("name"):
            continue
        if violation.field == "name" and "name" not in document.positions:
            yield Judgement(rule, "campaign", "is missing; give an id, such as summer-sale")
        else:
            message = violation.message.replace("is missing or 0", "is 0")
            if violation.field not in document.positions:
                message = _OF_NOTHING.sub("is missing,", message)
            yield Judgement(rule, violation.field, message)


def _doubts(
    campaign: Campaign, now: datetime, project: Project, traffic: ShopTraffic | None
) -> Iterator[Judgement]:
    declared: dict[str, AttributeType] = {**project.attributes, **campaign.attributes}
    yield from variant_judgements(campaign)
    yield from audience_judgements(campaign.audience, declared)
    yield from schedule_judgements(campaign, now=now)
    yield from plan_judgements(campaign, declared)
    yield from project_judgements(
        campaign, naming=project.naming, labels=project.labels, attributes=project.attributes
    )
    if traffic is not None:
        # Imports the statistics, which a check without traffic does not need.
        from fairlift_cli.conclusions import traffic_judgements

        yield from traffic_judgements(campaign, traffic.of(campaign.id))


def _missing_prerequisites(documents: Sequence[Document]) -> Iterator[Finding]:
    """Campaigns that others require and no file defines: the server may have them."""
    in_files = {campaign_id(document.name) for document in documents}
    for document in documents:
        for index, prerequisite in enumerate(document.message.prerequisites):
            name = campaign_id(prerequisite.campaign)
            if name and name not in in_files:
                message = (
                    f"is {name}, which is in none of these files: `fairlift apply` refuses this "
                    "campaign unless the server has that one"
                )
                field = f"prerequisites[{index}].campaign"
                yield from _finding(document, Judgement("FL409", field, message))


def _shadowed(documents: Sequence[Document], shared: Shared) -> Iterator[Finding]:
    """Metrics of campaigns that hide a shared one of the same name."""
    for document in documents:
        for field, message in shared.shadowed(document.message):
            yield from _finding(document, Judgement("FL704", field, message))


def _taken_over(field: str) -> str:
    """The field that a campaign has of its own, or takes over from the project with all in it."""
    parts = re.split(r"[.\[]", field)
    return ".".join(parts[:2]) if parts[0] == "plan" else parts[0]


def _finding(
    document: Document, judgement: Judgement, project: Project | None = None
) -> Iterator[Finding]:
    """The finding in the campaign, or in the project where it comes from a default."""
    finding = document.finding(judgement.rule, judgement.field, judgement.message)
    if finding is None:
        return
    fields = (judgement.field, _CAUSES.get(judgement.rule, judgement.field))
    is_own = any(_taken_over(each) in document.positions for each in fields)
    if project is not None and not is_own and (place := project.place_of_default(*fields)):
        at, written = place
        finding = replace(finding, path=project.path, line=at.line, column=at.column, field=written)
    yield finding
