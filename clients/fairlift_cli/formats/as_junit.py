"""Findings as JUnit XML, which every CI shows as tests."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from fairlift_cli.findings import Finding
from fairlift_cli.rules import Level
from fairlift_cli.text import clean

# What XML 1.0 has no place for.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text without controls and without what XML cannot hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", clean(text))


def as_junit(findings: Sequence[Finding], *, paths: Iterable[str]) -> str:
    """A suite for each file; a file without findings is one passed test.

    An error is a failed test. A warning is a passed one, and its text is the test's output.
    """
    by_path = {path: list(found) for path, found in groupby(findings, lambda found: found.path)}
    root = ET.Element("testsuites", name="fairlift check")
    for path in dict.fromkeys([*paths, *by_path]):
        _suite(root, path, by_path.get(path, []))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False)


def _suite(root: ET.Element, path: str, findings: Sequence[Finding]) -> None:
    failures = sum(found.level is Level.ERROR for found in findings)
    suite = ET.SubElement(
        root, "testsuite", name=xml_text(path), tests=str(max(1, len(findings))),
        failures=str(failures), errors="0", skipped="0", time="0",
    )  # fmt: skip
    if not findings:
        ET.SubElement(suite, "testcase", classname=xml_text(path), name="no findings", time="0")
    for found in findings:
        name = xml_text(f"{found.rule} in line {found.line}: {found.field}".rstrip(": "))
        case = ET.SubElement(suite, "testcase", classname=xml_text(path), name=name, time="0")
        if found.level is Level.ERROR:
            failure = ET.SubElement(
                case, "failure", message=xml_text(found.sentence), type=found.rule
            )
            failure.text = xml_text(str(found))
        else:
            ET.SubElement(case, "system-out").text = xml_text(str(found))
