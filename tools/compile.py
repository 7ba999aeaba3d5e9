"""Compiles with mypyc what runs for every visitor and every event: `compile.py DIRECTORY`.

The extension modules are put into the directory as in a wheel; with `--package`, together with the
rest of their packages. See docs/decisions/0010.
"""

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

_ROOT = Path(__file__).parents[1]
FOLDERS = {"fairlift": _ROOT / "clients", "fairlift_server": _ROOT / "server"}
# By package: each has a library of its own, so that a storefront loads nothing of the server.
MODULES = {
    "fairlift": (
        "engine/assignment",
        "engine/attribute_values",
        "engine/matching",
        "engine/deciders",
        "engine/decision",
        "exposures",
        "assigner",
    ),
    "fairlift_server": (
        "api/event_entries",
        "api/event_fields",
        "api/exposure_entries",
        "api/order_entries",
        "api/request_parts",
        "api/segment_labels",
        "api/unit_fields",
        "events/unit_ids",
    ),
}
# mypyc must not check the types of storefronts' arguments (see fairlift.engine.untrusted). Types of
# libraries that are not installed during a build are not needed; what they return is Any then.
MYPY = """
[mypy]
strict = True
warn_return_any = False
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
        for package in MODULES:
            _copy(package, Path(scratch), "v1")
        Path(scratch, "mypy.ini").write_text(MYPY, encoding="utf-8")
        working_directory = Path.cwd()
        os.chdir(scratch)  # mypyc takes module names from relative paths
        try:
            extensions = []
            for package, modules in MODULES.items():
                files = [f"{package}/{module}.py" for module in modules]
                extensions += mypycify(
                    ["--config-file=mypy.ini", *files],
                    opt_level="3",
                    debug_level="0",
                    group_name=package,
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


def _copy(package: str, directory: Path, *but: str) -> None:
    ignored = shutil.ignore_patterns("__pycache__", *but)
    shutil.copytree(FOLDERS[package] / package, directory / package, ignore=ignored)


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
        for package in MODULES:
            _copy(package, options.directory)
    compile_into(options.directory)


if __name__ == "__main__":
    main()
