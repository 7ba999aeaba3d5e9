"""Which verdicts are others than those that were sent before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import campaign_id

from fairlift_cli.report.verdict_parts import verdict_name

# Nothing to do but wait: a change between two of these is no news.
_WAITING: Final = ("", "too_early", "keep_going", "undecided")


VERDICT_NAMES: Final = frozenset(
    {
        *("", "too_early", "undecided", "keep_going"),
        *("ship", "stop_harm", "stop_futile", "do_not_trust", "inconclusive"),
    }
)


@dataclass(frozen=True, slots=True)
class SentVerdict:
    """A verdict as it was sent: of an epoch, by its stable name, for a variant."""

    epoch: int
    name: str
    variant: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether it asks for nothing."""
        return self.name in _WAITING


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A campaign whose verdict is news.

    Attributes:
        summary: as the server has it now.
        before: what was sent; None if nothing was.
        after: what it is now.
    """

    summary: pb.ReportSummary
    before: SentVerdict | None
    after: SentVerdict

    @property
    def campaign(self) -> str:
        """The campaign's id."""
        return campaign_id(self.summary.campaign)


def verdict_changes(
    summaries: Iterable[pb.ReportSummary], sent: Mapping[str, SentVerdict]
) -> list[VerdictChange]:
    """The news, in the order of the campaigns; a new epoch is a new campaign."""
    changes = []
    for summary in summaries:
        after = sent_verdict(summary)
        before = sent.get(campaign_id(summary.campaign))
        if before is not None and before.epoch != after.epoch:
            before = None
        if after != before and not (after.is_waiting and (before is None or before.is_waiting)):
            changes.append(VerdictChange(summary, before, after))
    return changes


def sent_verdict(summary: pb.ReportSummary) -> SentVerdict:
    """The verdict of a campaign, to be remembered."""
    name, _ = verdict_name(summary.verdict)
    sent = SentVerdict(summary.epoch, name)
    return sent if sent.is_waiting else SentVerdict(sent.epoch, name, summary.verdict.variant)
