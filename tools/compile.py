"""Compiles what runs for every visitor with mypyc: `python tools/compile.py DIRECTORY`.

The directory gets the extension modules in the places where a wheel keeps them; with `--package`,
the rest of `fairlift` beside them. See docs/decisions/0010.
"""

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "clients" / "fairlift"
MODULES = (
    "engine/assignment",
    "engine/matching",
    "engine/deciders",
    "engine/decision",
    "exposures",
    "assigner",
)
# Storefronts' arguments are let in unchecked (see fairlift.engine.untrusted). Types of libraries
# that are not there while building are not needed.
MYPY = """
[mypy]
strict = True
ignore_missing_imports = True
follow_imports = silent
[mypy-fairlift.engine.untrusted]
follow_imports = skip
"""


def can_compile() -> bool:
    """Whether this interpreter and this machine take extension modules of mypyc's making."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return (
        not sysconfig.get_config_var("Py_GIL_DISABLED")
        and (os.name == "nt" or shutil.which(compiler) is not None)
        and headers.exists()
    )


def compile_into(directory: Path) -> None:
    """Writes the extension modules under the directory, and leaves nothing else anywhere."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    directory = directory.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch, "fairlift")
        shutil.copytree(PACKAGE, sources, ignore=shutil.ignore_patterns("v1", "__pycache__"))
        Path(scratch, "mypy.ini").write_text(MYPY, encoding="utf-8")
        before = Path.cwd()
        os.chdir(scratch)  # mypyc names modules by where they are
        try:
            files = [f"fairlift/{module}.py" for module in MODULES]
            extensions = mypycify(
                ["--config-file=mypy.ini", *files],
                opt_level="3",
                debug_level="0",
                group_name="fairlift",
            )
            if os.name != "nt":  # calls within the library may be inlined: a twentieth faster
                for extension in extensions:
                    extension.extra_compile_args.append("-fno-semantic-interposition")
            command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
            command.build_lib = str(directory)
            command.ensure_finalized()
            command.run()
        finally:
            os.chdir(before)


def main() -> None:
    """Compiles, as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--package", action="store_true", help="add the rest of the package")
    parser.add_argument("--check", action="store_true", help="only say whether it can be done")
    asked = parser.parse_args()
    if not can_compile():
        sys.exit("compiling needs a C compiler, the headers of Python, and a Python with a GIL")
    if asked.check:
        return
    if asked.package:
        if asked.directory.exists() and not (asked.directory / "fairlift").is_dir():
            sys.exit(f"{asked.directory} holds something else; name a new directory")
        shutil.rmtree(asked.directory, ignore_errors=True)
        shutil.copytree(
            PACKAGE, asked.directory / "fairlift", ignore=shutil.ignore_patterns("__pycache__")
        )
    compile_into(asked.directory)


if __name__ == "__main__":
    main()
