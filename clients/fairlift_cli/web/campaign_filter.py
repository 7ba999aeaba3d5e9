"""Which campaigns the list shows: by state and label, as the address says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fairlift.v1 import results_service_pb2 as pb

from fairlift_cli.campaign_status import state_name

STATES: Final = ("running", "ended", "paused", "stopped", "archived")


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """What the address asks for.

    Attributes:
        state: one of STATES; empty for all that are not archived.
        label: a key and a value, such as team: growth; empty for any.
    """

    state: str = ""
    label: str = ""

    def applied(self, summaries: Iterable[pb.ReportSummary]) -> list[pb.ReportSummary]:
        """Those that match, in the same order."""
        return [
            summary
            for summary in summaries
            if self.state in ("", state_name(summary))
            and (not self.label or self.label in labels_of(summary))
        ]

    def query(self, *, state: str) -> str:
        """The address of the same list with another state."""
        chosen = {"state": state, "label": self.label}
        return "?" + urlencode({name: value for name, value in chosen.items() if value})


def campaign_filter(state: str, label: str) -> CampaignFilter:
    """The filter of an address; a state that there is not shows nothing, so it is left out."""
    return CampaignFilter(state if state in STATES else "", label)


def labels_of(summary: pb.ReportSummary) -> list[str]:
    """The labels of a campaign, as people read and choose them."""
    return [f"{key}: {value}" if value else key for key, value in sorted(summary.labels.items())]


def all_labels(summaries: Sequence[pb.ReportSummary]) -> list[str]:
    """Every label of the campaigns, once."""
    return sorted({label for summary in summaries for label in labels_of(summary)})
