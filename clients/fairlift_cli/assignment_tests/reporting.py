"""Prints the results of cases: as text, JUnit XML or JSON."""

import json
from collections import defaultdict
from collections.abc import Sequence
from xml.etree import ElementTree

from fairlift_cli.assignment_tests.running import CaseResult
from fairlift_cli.findings import Finding
from fairlift_cli.formats.as_junit import xml_text
from fairlift_cli.text import clean


def results_as_text(results: Sequence[CaseResult]) -> str:
    """The failures, each at its line, below the name of the case."""
    lines: list[str] = []
    for result in results:
        if result.failures:
            place = f"{result.case.path}:{result.case.line}"
            lines.append(clean(f"{place}: failed: {result.case.name}"))
            lines += (f"  {clean(str(failure))}" for failure in result.failures)
    return "\n".join(lines)


def results_as_json(results: Sequence[CaseResult]) -> str:
    """One object for each case."""
    return json.dumps(
        [
            {
                "path": result.case.path,
                "line": result.case.line,
                "name": result.case.name,
                "passed": not result.failures,
                "failures": [
                    {"line": failure.line, "message": failure.message}
                    for failure in result.failures
                ],
            }
            for result in results
        ],
        indent=2,
    )


def results_as_junit(results: Sequence[CaseResult], mistakes: Sequence[Finding] = ()) -> str:
    """JUnit XML, as Jenkins, GitLab and GitHub's reporters read it: a suite for each file.

    A file that cannot be read is a case with an error.
    """
    by_file: dict[str, list[CaseResult]] = defaultdict(list)
    wrong: dict[str, list[Finding]] = defaultdict(list)
    for result in results:
        by_file[result.case.path].append(result)
    for mistake in mistakes:
        wrong[mistake.path].append(mistake)
    root = ElementTree.Element("testsuites", name="fairlift test")
    for path in sorted({*by_file, *wrong}):
        of_file, errors = by_file[path], wrong[path]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=xml_text(path),
            tests=str(len(of_file) + len(errors)),
            failures=str(sum(bool(result.failures) for result in of_file)),
            errors=str(len(errors)),
        )
        for result in of_file:
            case = _case(suite, path, result.case.name, result.case.line)
            if result.failures:
                first = xml_text(result.failures[0].message)
                failure = ElementTree.SubElement(case, "failure", message=first)
                failure.text = "\n".join(xml_text(str(each)) for each in result.failures)
        for mistake in errors:
            case = _case(suite, path, f"line {mistake.line} can be read", mistake.line)
            error = ElementTree.SubElement(
                case, "error", message=xml_text(mistake.sentence), type=mistake.rule
            )
            error.text = xml_text(str(mistake))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def _case(suite: ElementTree.Element, path: str, name: str, line: int) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite,
        "testcase",
        classname=xml_text(path),
        name=xml_text(name),
        file=xml_text(path),
        line=str(line),
    )
