"""Finds test files, and the campaigns beside them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import InvalidCampaign
from fairlift.wire.campaign import campaign_from

from fairlift_cli.assignment_tests.cases import Case
from fairlift_cli.assignment_tests.reading import read_cases
from fairlift_cli.campaign_files import NothingToRead
from fairlift_cli.case_files import case_files_in, is_test_file
from fairlift_cli.check import check_files
from fairlift_cli.failures import CommandRefused
from fairlift_cli.findings import Finding
from fairlift_cli.formats.as_text import as_text
from fairlift_cli.project import Project, project_of


@dataclass(slots=True)
class FoundTests:
    """The cases of all files, the campaigns that they are about, and the mistakes."""

    campaigns: dict[str, Campaign]
    cases: list[Case] = field(default_factory=list)
    mistakes: list[Finding] = field(default_factory=list)


def found_tests(paths: Iterable[Path]) -> FoundTests:
    """The tests at the paths, and the campaigns there; of test files alone, those beside them.

    Raises:
        NothingToRead: there is no test file, or no campaign.
        CommandRefused: the campaigns have mistakes; the message lists them.
    """
    paths = list(paths)
    tests: dict[Path, None] = {}
    campaign_paths: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            tests.update(dict.fromkeys(case_files_in(path)))
            campaign_paths[path] = None
        elif is_test_file(path):
            tests[path] = None
        else:
            campaign_paths[path] = None
    if not tests:
        where = ", ".join(map(str, paths))
        raise NothingToRead(f"{where}: contains no tests; they are in files named *.test.yaml")
    # Without other paths, a test file is about the campaigns beside it.
    project = project_of(paths)
    campaigns = _campaigns(campaign_paths or {path.parent: None for path in tests}, project)
    found = FoundTests(campaigns)
    for path in tests:
        of_file = read_cases(path, campaigns, project.attributes)
        found.cases += of_file.cases
        found.mistakes += of_file.mistakes
    return found


def _campaigns(paths: Iterable[Path], project: Project) -> dict[str, Campaign]:
    checked = check_files(paths, project=project)
    if checked.findings:
        raise CommandRefused(f"{as_text(checked.findings)}\nNothing was tested.")
    campaigns: dict[str, Campaign] = {}
    for document in checked.documents:
        try:
            campaign = campaign_from(document.message)
        except InvalidCampaign:
            continue  # a finding that the project does not want
        campaigns.setdefault(campaign.id, campaign)
    return campaigns
