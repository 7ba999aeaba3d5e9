"""Tells in one line which packages of an extra are missing, and how to install them."""

import re
from importlib.metadata import PackageNotFoundError, distribution, requires


def missing_line(program: str, extra: str) -> str:
    """The line to print; empty when all packages of the extra are installed."""
    missing = [name for name in _names(extra) if not _is_installed(name)]
    if not missing:
        return ""
    listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    return (
        f'{program} needs the extra "{extra}" (missing: {listed}): '
        f"pip install 'fairlift[{extra}]'"
    )


def _names(extra: str) -> list[str]:
    """The packages of the extra, without those for some platforms only."""
    listed = (line.partition(";") for line in requires("fairlift") or ())
    return [
        re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        for requirement, _, marker in listed
        if marker.strip() == f"extra == '{extra}'"
    ]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
