"""Pinned packages with their hashes, the bill of materials, and an honest audit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import supply_chain
from tools.supply_chain import audit, audit_result, pinned, sbom_problems

ROOT = Path(__file__).parent.parent
FILES = ["constraints.txt", "tools/supply_chain.txt", "tools/mutants.txt"]


@pytest.mark.parametrize("name", FILES)
def test_every_pinned_package_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())

    assert len(blocks) > 25
    for block in blocks:
        first, *hashes = block.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[^ ;]+( ; .+)?", first), first
        assert hashes, first
        for each in hashes:
            assert re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", each), each
    assert "://" not in text


def test_what_is_installed_is_compared_with_these_hashes() -> None:
    """Each command that installs the product says so, in make and in the images."""
    texts = [
        (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        for name in ("Makefile", "deploy/Containerfile", "clients/Containerfile")
    ]
    variables = dict(re.findall(r"^(\w+) := (.*)$", texts[0], re.MULTILINE))
    for text in texts:
        installs = re.findall(r"^.*\bpip install\b.*$", text, re.MULTILINE)
        assert installs
        for line in installs:
            if "lowest.txt" in line:
                continue  # of the authors' machines, with versions of their own
            line = line.replace("$(LOCKED)", variables["LOCKED"])
            for each in line.split("&&"):
                if "pip install" in each:
                    assert "--require-hashes" in each or "--verify-hashes" in each, each


def test_a_file_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    block = re.findall(r"^iniconfig==(?:.*\n {4})+.*$", text, re.MULTILINE)[0]
    (tmp_path / "true.txt").write_text(text)
    other = re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", block)
    (tmp_path / "other.txt").write_text(text.replace(block, other))

    def install(name: str) -> subprocess.CompletedProcess[str]:
        words = [
            "--verify-hashes",
            "-c",
            str(tmp_path / name),
            "--target",
            str(tmp_path / name[:-4]),
        ]
        return subprocess.run(
            [sys.executable, "-m", "uv", "pip", "install", *words, "iniconfig"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert install("true.txt").returncode == 0
    refused = install("other.txt")
    assert (refused.returncode != 0, "Hash mismatch" in refused.stderr) == (True, True)


def test_a_bill_of_materials_is_compared_with_what_is_pinned() -> None:
    versions = pinned("click==8.2.0 \\\n    --hash=sha256:00\nnumpy==2.4 ; a\nnumpy==2.5 ; b\n")

    def problems(*parts: tuple[str, str]) -> tuple[int, list[str]]:
        components = [{"name": name, "version": version} for name, version in parts]
        return sbom_problems({"components": components}, versions)

    assert problems(("click", "8.2.0"), ("NumPy", "2.5"), ("fairlift", "0.1.0")) == (2, [])
    assert problems(("numpy", "2.4")) == (1, [])
    assert problems(("click", "8.1")) == (1, ["click 8.1 is not in constraints.txt"])
    assert problems(("typing_extensions", "4")) == (
        1,
        ["typing-extensions 4 is not in constraints.txt"],
    )
    assert problems() == (0, ["it names no packages"])


def known(identity: str, *versions: str) -> dict[str, object]:
    return {"id": identity, "fix_versions": list(versions)}


def test_an_audit_does_not_take_silence_for_good_news() -> None:
    fine = {"name": "click", "version": "8", "vulns": []}
    bad = {"name": "h11", "version": "1", "vulns": [known("CVE-1", "2"), known("CVE-2")]}
    silent = {"name": "idna", "skip_reason": "Dependency not found on PyPI"}
    own = {"name": "fairlift", "skip_reason": "Dependency not found on PyPI"}

    assert audit_result({"dependencies": [fine]})[0] == 0
    assert audit_result({"dependencies": [fine, own]})[0] == 0
    assert audit_result({"dependencies": []})[0] == 2
    code, [line] = audit_result({"dependencies": [fine, silent]})
    assert (code, "nothing about 1 of 2 packages" in line, "idna" in line) == (2, True, True)
    code, lines = audit_result({"dependencies": [fine, bad, silent]})
    assert code == 1
    assert lines[:2] == ["h11 1: CVE-1 (mended in 2)", "h11 1: CVE-2 (mended in no version yet)"]


@pytest.mark.parametrize(
    ("program", "code", "says"),
    [
        ("import sys; sys.exit('x\\nno route to the service')", 2, "no route to the service"),
        ("pass", 2, "it printed nothing"),
        ('print(\'{"dependencies": [{"name": "a", "vulns": []}]}\')', 0, "no vulnerability"),
    ],
)
def test_an_audit_says_when_the_service_cannot_be_reached(
    tmp_path: Path, program: str, code: int, says: str
) -> None:
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    tool = tmp_path / "tool"
    tool.write_text(f"#!{sys.executable}\n{program}\n")
    tool.chmod(0o755)

    found, lines = audit(tmp_path, str(tool))

    assert (found, says in " ".join(lines)) == (code, True)


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, version = min(pinned((ROOT / "constraints.txt").read_text()))
    path = tmp_path / "sbom.json"
    path.write_text(json.dumps({"components": [{"name": name, "version": version}]}))

    assert supply_chain.main(["sbom", str(path)]) == 0
    assert "1 packages, all as constraints.txt" in capsys.readouterr().out
    assert supply_chain.main([]) == 2
