"""Reads *.test.yaml into cases, within limits."""

from collections.abc import Mapping
from pathlib import Path

from fairlift.engine.campaign import AttributeType, Campaign

from fairlift_cli.assignment_tests.case_reader import CaseReader
from fairlift_cli.assignment_tests.cases import CaseFile
from fairlift_cli.side_files import SideFile


def read_cases(
    path: Path, campaigns: Mapping[str, Campaign], attributes: Mapping[str, AttributeType]
) -> CaseFile:
    """The cases of a file.

    Args:
        path: of the file.
        campaigns: those that it may name, by id.
        attributes: those that the project declares for all campaigns.
    """
    found = CaseFile()
    file = SideFile(path, "FL801", found.mistakes)
    reader = CaseReader(file, campaigns, attributes, found)
    for tree in file.documents():
        reader.read(tree)
    if not found.cases and not found.mistakes:
        file.mistake("", "contains no tests; a test file begins with `tests:`")
    return found
