"""What is doubtful in the files beside campaigns, once all campaigns of a folder are read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fairlift.engine.plan import ROLES
from fairlift.wire.campaign import campaign_id

from fairlift_cli.campaign_files import PROJECT_FILE, shared_files
from fairlift_cli.findings import Finding
from fairlift_cli.project import Project
from fairlift_cli.reader import Document
from fairlift_cli.side_files import path_as_shown
from fairlift_cli.traffic import ShopTraffic


def figures_of_nothing(traffic: ShopTraffic, documents: Sequence[Document]) -> Iterator[Finding]:
    """Figures of traffic.yaml that no campaign uses."""
    if not traffic.named:
        return
    metrics: set[str] = set()
    for document in documents:
        plan = document.message.plan
        metrics |= {planned.metric for role in ROLES for planned in getattr(plan, role)}
        metrics |= {metric.name for metric in plan.metrics}
    yield from traffic.of_nothing({campaign_id(each.name) for each in documents}, metrics)


def not_read(folders: Sequence[Path], project: Project) -> Iterator[Finding]:
    """Shared files in folders where nobody looks for them."""
    read_in = {folder.resolve() for folder in (project.folder, *folders) if folder is not None}
    for path in shared_files(folders):
        is_read = path.parent.resolve() in read_in
        if path.name == PROJECT_FILE:
            is_read = project.folder is not None and path.parent.samefile(project.folder)
        if not is_read:
            where = path_as_shown(project.folder or folders[0])
            where = "the working directory" if where == "." else where
            message = (
                f"is not read: move {path.name} to {where}, or check {path.parent} by itself "
                "if it is a project of its own"
            )
            yield Finding(str(path), 1, 1, "", message, "FL706")
