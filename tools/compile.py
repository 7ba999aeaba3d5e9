"""Compiles the code that runs for every visitor with mypyc: `python tools/compile.py DIRECTORY`.

The extension modules are put into the directory as in a wheel; with `--package`, together with the
rest of `fairlift`. See docs/decisions/0010.
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
    "engine/attribute_values",
    "engine/matching",
    "engine/deciders",
    "engine/decision",
    "exposures",
    "assigner",
)
# mypyc must not check the types of storefronts' arguments (see fairlift.engine.untrusted). Types of
# libraries that are not installed during a build are not needed.
MYPY = """
[mypy]
strict = True
ignore_missing_imports = True
follow_imports = silent
[mypy-fairlift.engine.untrusted]
follow_imports = skip
"""


def can_compile() -> bool:
    """Whether this machine can build mypyc's extension modules for this interpreter."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return (
        not sysconfig.get_config_var("Py_GIL_DISABLED")
        and (os.name == "nt" or shutil.which(compiler) is not None)
        and headers.exists()
    )


def compile_into(directory: Path) -> None:
    """Writes the extension modules into the directory, and no other files."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    directory = directory.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch, "fairlift")
        shutil.copytree(PACKAGE, sources, ignore=shutil.ignore_patterns("v1", "__pycache__"))
        Path(scratch, "mypy.ini").write_text(MYPY, encoding="utf-8")
        working_directory = Path.cwd()
        os.chdir(scratch)  # mypyc takes module names from relative paths
        try:
            files = [f"fairlift/{module}.py" for module in MODULES]
            extensions = mypycify(
                ["--config-file=mypy.ini", *files],
                opt_level="3",
                debug_level="0",
                group_name="fairlift",
            )
            if os.name != "nt":  # allows inlining within the library: 5 % faster
                for extension in extensions:
                    extension.extra_compile_args.append("-fno-semantic-interposition")
            command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
            command.build_lib = str(directory)
            command.ensure_finalized()
            command.run()
        finally:
            os.chdir(working_directory)


def main() -> None:
    """Parses the command line and compiles."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--package", action="store_true", help="add the rest of the package")
    parser.add_argument("--check", action="store_true", help="only say whether it can be done")
    options = parser.parse_args()
    if not can_compile():
        sys.exit("compiling needs a C compiler, the headers of Python, and a Python with a GIL")
    if options.check:
        return
    if options.package:
        if options.directory.exists() and not (options.directory / "fairlift").is_dir():
            sys.exit(f"{options.directory} holds something else; name a new directory")
        shutil.rmtree(options.directory, ignore_errors=True)
        shutil.copytree(
            PACKAGE, options.directory / "fairlift", ignore=shutil.ignore_patterns("__pycache__")
        )
    compile_into(options.directory)


if __name__ == "__main__":
    main()
