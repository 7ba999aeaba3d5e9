"""The order of semantic versions, by semver.org 2.0.0."""

import re
from typing import TypeAlias

_VERSION = re.compile(
    r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
MAX_VERSION_TEXT = 128

# A release sorts above its own pre-releases; a number below a word; a shorter list below a longer.
VersionKey: TypeAlias = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


def version_key(text: str) -> VersionKey | None:
    """The sort key of a version, or None when the text is not a version.

    A leading "v" and missing parts are accepted ("v2.1" is 2.1.0); build metadata is ignored.

    >>> version_key("2.10.0") > version_key("2.9.1") > version_key("2.9.1-rc.1")
    True
    """
    if len(text) > MAX_VERSION_TEXT:
        return None
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, pre_release = match.groups()
    identifiers = tuple(map(_identifier, pre_release.split("."))) if pre_release else ()
    return (int(major), int(minor or 0), int(patch or 0), 0 if identifiers else 1, identifiers)


def _identifier(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)
