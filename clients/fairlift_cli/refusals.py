"""What a server refuses, told with the file, the line and the campaign that it is about."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_ARCHIVED, Campaign
from fairlift.v1.campaign_service_pb2 import CHANGE_CLASS_REFUSED, CampaignChange
from fairlift.wire.campaign import campaign_id

from fairlift_cli.failures import CommandRefused
from fairlift_cli.findings import Finding, in_order
from fairlift_cli.reader import Document

_RULE = "FL705"
# How the server names a campaign in a request of several.
_INDEXED = re.compile(r"(?:campaigns|requests)\[(\d+)\](?:\.campaign(?=\.|$))?\.?(.*)")
_NAMED = re.compile(r"(campaigns/[^:]+):(.*)", re.DOTALL)


@contextmanager
def naming_campaigns(group: Sequence[Campaign]) -> Iterator[None]:
    """Names the campaigns of a request in what its refusal says, in place of their numbers.

    Raises:
        CommandRefused: with fields such as `campaigns/popup:plan.primary[0].metric`.
    """
    try:
        yield
    except CommandRefused as refusal:
        named: list[tuple[str, str]] = []
        for field, message in refusal.violations:
            match = _INDEXED.fullmatch(field)
            if match and int(match[1]) < len(group):
                field = f"{group[int(match[1])].name}:{match[2]}"
            named.append((field, message))
        raise CommandRefused(str(refusal), code=refusal.code, violations=named) from None


@contextmanager
def at_their_places(documents: Sequence[Document]) -> Iterator[None]:
    """Tells what the server refuses as findings in the files.

    Raises:
        CommandRefused: the message has a line for each field that the server refuses.
    """
    try:
        yield
    except CommandRefused as refusal:
        findings = [
            finding
            for field, message in refusal.violations
            for finding in _placed(documents, field, message)
        ]
        if not findings:
            raise
        lines = "\n".join(map(str, in_order(findings)))
        text = f"{lines}\nNothing was applied."
        raise CommandRefused(text, code=refusal.code, violations=refusal.violations) from None


def refused_changes(
    changes: Iterable[CampaignChange], documents: Sequence[Document]
) -> list[Finding]:
    """What campaigns of the server do not allow, at its lines: changed fields, or a come-back."""
    found: list[Finding] = []
    for change in changes:
        if change.state == CAMPAIGN_STATE_ARCHIVED:
            message = "is archived: no visitor sees it any more, whatever the file says"
            found += _placed(documents, f"{change.campaign}:name", message)
            continue
        for field in change.changes:
            if field.change_class == CHANGE_CLASS_REFUSED:
                message = (
                    f"is {field.after or 'nothing'}, and {field.before or 'nothing'} on the "
                    f"server: {field.reason}"
                )
                found += _placed(documents, f"{change.campaign}:{field.field}", message)
    return in_order(found)


def _placed(documents: Sequence[Document], field: str, message: str) -> Iterator[Finding]:
    match = _NAMED.fullmatch(field)
    for document in documents:
        if match and document.name == match[1]:
            finding = document.finding(_RULE, match[2], f"{message} (campaign {_id(match[1])})")
            if finding is not None:
                yield finding
            return


def _id(name: str) -> str:
    return campaign_id(name)
