"""What a server said of the demo's and the eight campaigns; see recording.py."""

import tarfile
from functools import lru_cache
from pathlib import Path

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign

from tests.report.hard_cases import Said

_ARCHIVE = Path(__file__).parent / "recorded.tar.xz"
_ALL = "all"


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    with tarfile.open(_ARCHIVE, "r:xz") as archive:
        opened = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        return {name: file.read() for name, file in opened.items() if file is not None}


def recorded_names() -> list[str]:
    """The campaigns, those of the demo also on early days."""
    names = dict.fromkeys(sorted(name.partition("/")[0] for name in _files()))
    return [name for name in names if name != _ALL]


def recorded(name: str, language: str = "en") -> Said:
    """What was said of one campaign."""
    files = _files()
    return Said(
        pb.Report.FromString(files[f"{name}/{language}.report"]),
        list(pb.ListLooksResponse.FromString(files[f"{name}/looks"]).looks),
        Campaign.FromString(files[f"{name}/campaign"]),
    )


def recorded_list(language: str = "en") -> list[pb.ReportSummary]:
    """The list of the demo's campaigns."""
    message = pb.ListReportsResponse.FromString(_files()[f"{_ALL}/{language}.reports"])
    return list(message.reports)
