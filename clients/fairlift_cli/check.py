"""Whether campaign files can be applied: the reader's findings and the engine's, in one list."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fairlift.engine.campaign import Campaign, check_layers
from fairlift.engine.errors import InvalidCampaign
from fairlift.wire.campaign import campaign_from, campaign_id

from fairlift_cli.audience.checks import contradictions, mistyped, undeclared
from fairlift_cli.failures import Misused
from fairlift_cli.findings import Finding, in_order
from fairlift_cli.reader import Document, read

_SUFFIXES = (".yaml", ".yml")


class NothingToRead(Misused):
    """A path does not exist, cannot be read, or holds no campaign file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The campaigns that were read and every mistake in them."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]


def check(paths: Iterable[Path]) -> Checked:
    """Reads files, and the YAML files below folders, and checks all of them together.

    Raises:
        NothingToRead: a path leads to no campaign file.
    """
    documents: list[Document] = []
    findings: list[Finding] = []
    for path in files(paths):
        try:
            reading = read(path)
        except OSError as error:
            raise NothingToRead(f"{path}: {error.strerror}") from None
        documents += reading.documents
        findings += reading.findings
    findings += check_documents(documents)
    return Checked(tuple(documents), tuple(in_order(findings)))


def files(paths: Iterable[Path]) -> list[Path]:
    """The files that are meant, folders searched for YAML, each once.

    Raises:
        NothingToRead: a path leads to no campaign file.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
            if not inside:
                raise NothingToRead(f"{path} contains no .yaml file")
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise NothingToRead(f"{path} does not exist")
    return list(found)


def check_documents(documents: Iterable[Document]) -> Iterator[Finding]:
    """What the rules of the engine say of the campaigns, one by one and together."""
    first: dict[str, Document] = {}
    whole: dict[str, Campaign] = {}
    for document in documents:
        name = campaign_id(document.message.name)
        if name and name in first:
            place, _ = first[name].places["name"]
            where = f"{first[name].path}:{place.line}"
            yield from _found(document, "name", f"{name} is also defined at {where}")
        first.setdefault(name, document)
        try:
            campaign = campaign_from(document.message)
        except InvalidCampaign as error:
            for violation in error.violations:
                if violation.field == "name" and "name" not in document.places:
                    yield from _found(
                        document, "campaign", "is missing; give an id, such as summer-sale"
                    )
                else:
                    yield from _found(document, violation.field, violation.message)
        else:
            whole.setdefault(name, campaign)
            yield from _audience(document, campaign)
    for name, violations in check_layers(whole.values()).items():
        for violation in violations:
            yield from _found(first[name], violation.field, violation.message)


def _audience(document: Document, campaign: Campaign) -> Iterator[Finding]:
    for contradiction in contradictions(campaign.audience):
        yield from _found(document, "audience", f"can never match a visitor: {contradiction}")
    if campaign.attributes:
        for unknown in undeclared(campaign.audience, campaign.attributes):
            hint = f"; did you mean {unknown.suggestion}?" if unknown.suggestion else ""
            message = f"uses {unknown.attribute}, which is not declared under attributes{hint}"
            yield from _found(document, "audience", message)
        for mistaken in mistyped(campaign.audience, campaign.attributes):
            yield from _found(document, "audience", f"contains {mistaken}")


def _found(document: Document, field: str, message: str) -> Iterator[Finding]:
    finding = document.finding(field, message)
    if finding is not None:
        yield finding
