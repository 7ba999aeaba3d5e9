"""Generates from proto/: clients/fairlift/v1, and the JSON Schema of campaign files.

With --check, tests whether they are up to date.
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
OUTPUT = ROOT / "clients" / "fairlift" / "v1"
SCHEMA = [sys.executable, "-m", "tools.campaign_schema"]
INIT = '"""The contract fairlift.v1, generated from proto/ by `make proto`; never edited."""\n'


def generate(target: Path) -> Path:
    """Writes the package fairlift/v1 below target and returns its folder."""
    scripts = Path(sysconfig.get_path("scripts"))
    files = sorted(str(path) for path in (PROTO / "fairlift" / "v1").glob("*.proto"))
    includes = Path(protoc.__file__).parent / "_proto"
    status = protoc.main(
        [
            "protoc",
            f"-I{PROTO}",
            f"-I{includes}",
            f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *files,
        ]
    )
    if status:
        sys.exit("protoc failed")
    package = target / "fairlift" / "v1"
    (package / "__init__.py").write_text(INIT)
    for path in package.glob("*_pb2_grpc.py*"):
        stem = path.name.removesuffix(".pyi").removesuffix(".py").removesuffix("_pb2_grpc")
        if not stem.endswith("_service"):
            path.unlink()
    return package


def stale(package: Path) -> list[str]:
    """Names of generated files that differ from the checked-in ones or exist on one side only."""
    names = {p.name for p in package.iterdir()} | {
        p.name for p in OUTPUT.iterdir() if p.suffix in {".py", ".pyi"}
    }
    _, differ, absent = filecmp.cmpfiles(package, OUTPUT, sorted(names), shallow=False)
    return sorted([*differ, *absent])


def main() -> None:
    """Generates, or checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        package = generate(Path(folder))
        if check:
            if names := stale(package):
                sys.exit(f"generated code is not up to date: {', '.join(names)}; run `make proto`")
            subprocess.run([*SCHEMA, "--check"], cwd=ROOT, check=True)
            return
        shutil.rmtree(OUTPUT, ignore_errors=True)
        shutil.copytree(package, OUTPUT)
        # In a process that reads what was just generated.
        subprocess.run(SCHEMA, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
