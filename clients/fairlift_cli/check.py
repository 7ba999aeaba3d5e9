"""Checks campaign files: the mistakes that the reader and the engine find, and warnings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlift.engine.campaign import Campaign, check_layers
from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.prerequisites import prerequisite_violations
from fairlift.v1 import campaign_pb2
from fairlift.wire.campaign import campaign_from, campaign_id

from fairlift_cli.audience.checks import contradictions, mistyped, undeclared
from fairlift_cli.failures import Misused
from fairlift_cli.findings import Finding, in_order
from fairlift_cli.plan_warnings import plan_warnings
from fairlift_cli.reader import Document, read

_SUFFIXES = (".yaml", ".yml")


class NothingToRead(Misused):
    """A path does not exist, cannot be read, or contains no campaign file."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The campaigns of the files, all mistakes in them, and what may be meant otherwise."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()


def check_files(paths: Iterable[Path]) -> CheckResult:
    """Reads the files, and the YAML files in folders, and checks all campaigns together.

    Raises:
        NothingToRead: a path leads to no campaign file.
    """
    documents: list[Document] = []
    findings: list[Finding] = []
    for path in campaign_files(paths):
        try:
            result = read(path)
        except OSError as error:
            raise NothingToRead(f"{path}: {error.strerror}") from None
        documents += result.documents
        findings += result.findings
    findings += check_documents(documents)
    warnings = [warning for document in documents for warning in _warnings(document)]
    warnings += _missing_prerequisites(documents)
    return CheckResult(tuple(documents), tuple(in_order(findings)), tuple(in_order(warnings)))


def campaign_files(paths: Iterable[Path]) -> list[Path]:
    """The campaign files at the paths, without repetitions; folders are searched for YAML.

    Raises:
        NothingToRead: a path leads to no campaign file.
    """
    unique_paths: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            in_folder = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
            if not in_folder:
                raise NothingToRead(f"{path} contains no .yaml file")
            unique_paths.update(dict.fromkeys(in_folder))
        elif path.exists():
            unique_paths[path] = None
        else:
            raise NothingToRead(f"{path} does not exist")
    return list(unique_paths)


def check_documents(documents: Iterable[Document]) -> Iterator[Finding]:
    """The mistakes that the engine finds, in each campaign and among all of them."""
    first_by_name: dict[str, Document] = {}
    valid_campaigns: dict[str, Campaign] = {}
    for document in documents:
        name = campaign_id(document.message.name)
        if name and name in first_by_name:
            position, _ = first_by_name[name].positions["name"]
            where = f"{first_by_name[name].path}:{position.line}"
            yield from _finding(document, "name", f"{name} is also defined at {where}")
        first_by_name.setdefault(name, document)
        try:
            campaign = campaign_from(document.message)
        except InvalidCampaign as error:
            for violation in error.violations:
                if violation.field == "name" and "name" not in document.positions:
                    yield from _finding(
                        document, "campaign", "is missing; give an id, such as summer-sale"
                    )
                else:
                    yield from _finding(document, violation.field, violation.message)
        else:
            valid_campaigns.setdefault(name, campaign)
        yield from _audience_findings(document)
    for name, violations in check_layers(valid_campaigns.values()).items():
        for violation in violations:
            yield from _finding(first_by_name[name], violation.field, violation.message)
    for name, campaign in valid_campaigns.items():
        # What no file defines may be on the server, and what is invalid is listed by itself.
        if all(p.campaign in valid_campaigns for p in campaign.prerequisites):
            for violation in prerequisite_violations(campaign, valid_campaigns):
                yield from _finding(first_by_name[name], violation.field, violation.message)


def _audience_findings(document: Document) -> Iterator[Finding]:
    """Mistakes in the audience, whatever is wrong elsewhere in the campaign."""
    with_audience_alone = campaign_pb2.Campaign(
        name="campaigns/audience",
        variants=[campaign_pb2.Variant(id=name, weight=1) for name in ("a", "b")],
        audience=document.message.audience if document.message.HasField("audience") else None,
        attributes=document.message.attributes,
    )
    try:
        campaign = campaign_from(with_audience_alone)
    except InvalidCampaign:
        return  # listed with the other mistakes of the campaign
    for contradiction in contradictions(campaign.audience):
        yield from _finding(document, "audience", f"can never match a visitor: {contradiction}")
    if campaign.attributes:
        for unknown in undeclared(campaign.audience, campaign.attributes):
            hint = f"; did you mean {unknown.suggestion}?" if unknown.suggestion else ""
            message = f"uses {unknown.attribute}, which is not declared under attributes{hint}"
            yield from _finding(document, "audience", message)
        for mismatch in mistyped(campaign.audience, campaign.attributes):
            yield from _finding(document, "audience", f"contains {mismatch}")


def _warnings(document: Document) -> Iterator[Finding]:
    """What a valid campaign may mean otherwise."""
    if document.flagged:
        return
    try:
        campaign = campaign_from(document.message)
    except InvalidCampaign:
        return
    for warning in plan_warnings(campaign):
        yield from _finding(document, warning.field, warning.message)


def _missing_prerequisites(documents: Sequence[Document]) -> Iterator[Finding]:
    """Campaigns that others require and no file defines: the server may have them."""
    in_files = {campaign_id(document.message.name) for document in documents}
    for document in documents:
        for index, prerequisite in enumerate(document.message.prerequisites):
            name = campaign_id(prerequisite.campaign)
            if name and name not in in_files:
                message = (
                    f"is {name}, which is in none of these files: `fairlift apply` refuses this "
                    "campaign unless the server has that one"
                )
                yield from _finding(document, f"prerequisites[{index}].campaign", message)


def _finding(document: Document, field: str, message: str) -> Iterator[Finding]:
    finding = document.finding(field, message)
    if finding is not None:
        yield finding
