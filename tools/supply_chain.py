"""What a server runs with: its bill of materials, and the vulnerabilities that are known of it.

    python -m tools.supply_chain sbom FILE          compares a CycloneDX file with constraints.txt
    python -m tools.supply_chain audit FOLDER TOOL  asks the advisories about an environment

Exit codes: 0 all is well; 1 a package is not pinned, or is vulnerable; 2 nothing is known, because
the advisories could not be read.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = "fairlift"
_PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)
FINE, BAD, UNKNOWN = 0, 1, 2


def pinned(text: str) -> set[tuple[str, str]]:
    """The names and versions in a file of constraints; some differ by the version of Python."""
    return set(_PINNED.findall(text))


def sbom_problems(
    sbom: Mapping[str, object], versions: Set[tuple[str, str]]
) -> tuple[int, list[str]]:
    """How many packages a bill of materials has, and a line for each that is not as pinned."""
    components = sbom.get("components")
    if not isinstance(components, list) or not components:
        return 0, ["it names no packages"]
    named = {str(part["name"]).lower().replace("_", "-"): part["version"] for part in components}
    named.pop(OWN, None)
    return len(named), [
        f"{name} {version} is not in constraints.txt"
        for name, version in sorted(named.items())
        if (name, version) not in versions
    ]


def audit_result(report: Mapping[str, object]) -> tuple[int, list[str]]:
    """What a report of pip-audit means: an exit code, and lines.

    pip-audit itself says that no vulnerability is known where the service knew no package.
    """
    packages = report["dependencies"]
    assert isinstance(packages, list)
    lines = [
        f"{package['name']} {package['version']}: {known['id']}"
        f" (mended in {', '.join(known['fix_versions']) or 'no version yet'})"
        for package in packages
        for known in package.get("vulns", ())
    ]
    unknown = [each["name"] for each in packages if "vulns" not in each and each["name"] != OWN]
    if unknown:
        lines.append(
            f"the service answered nothing about {len(unknown)} of {len(packages)} packages, so "
            f"whether they are vulnerable is not known: {', '.join(unknown)}"
        )
    if any(package.get("vulns") for package in packages):
        return BAD, lines
    if unknown or not packages:
        return UNKNOWN, lines or ["there are no packages to ask about"]
    return FINE, [f"no vulnerability is known in {len(packages)} packages"]


def audit(environment: Path, tool: str) -> tuple[int, list[str]]:
    """What pip-audit says of the packages of an environment: an exit code, and lines."""
    folder = next(environment.glob("lib/python*/site-packages"))
    run = subprocess.run(
        [tool, "--path", str(folder), "--format", "json", "--progress-spinner", "off"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        report = json.loads(run.stdout)
    except ValueError:
        reason = (run.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        sentence = "the advisories could not be read, so nothing is known about vulnerabilities: "
        return UNKNOWN, [sentence + reason]
    return audit_result(report)


def main(words: Sequence[str]) -> int:
    """Does what the words say, and prints it."""
    match words:
        case ["sbom", file]:
            versions = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))
            count, lines = sbom_problems(json.loads(Path(file).read_text("utf-8")), versions)
            code = BAD if lines else FINE
            lines = lines or [f"{file}: {count} packages, all as constraints.txt has them"]
        case ["audit", folder, tool]:
            code, lines = audit(Path(folder), tool)
        case _:
            code, lines = UNKNOWN, [__doc__ or ""]
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
