"""The part of a wheel's build that compiles; see docs/decisions/0010.

FAIRLIFT_COMPILE=no builds the wheel of pure Python, FAIRLIFT_COMPILE=yes fails where it cannot
compile. With neither, who cannot compile gets the pure wheel, which does the same, less fast.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileHook(BuildHookInterface):  # type: ignore[misc]  # Any, but while building
    """Adds the extension modules to a wheel; an editable installation stays pure."""

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling."""
        return [] if _wish() == "no" else ["mypy>=1.19", "setuptools>=77"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles before the wheel is packed."""
        if version == "editable" or _wish() == "no":
            return
        self._made = tempfile.TemporaryDirectory()
        compiled = subprocess.run(
            [sys.executable, str(Path(self.root, "tools", "compile.py")), self._made.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if compiled.returncode:
            if _wish() == "yes":
                raise RuntimeError(f"FAIRLIFT_COMPILE=yes, but:\n{compiled.stdout}")
            self.app.display_warning("not compiled, so the wheel is pure Python:")
            self.app.display_warning(compiled.stdout[-2_000:])
            return
        made = Path(self._made.name)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for module in (path for path in made.rglob("*") if path.suffix in (".so", ".pyd")):
            build_data["force_include"][str(module)] = module.relative_to(made).as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what was only made for the wheel."""
        if hasattr(self, "_made"):
            self._made.cleanup()


def _wish() -> str:
    wish = os.environ.get("FAIRLIFT_COMPILE") or "auto"
    if wish not in ("auto", "yes", "no"):
        raise ValueError(f"FAIRLIFT_COMPILE is {wish!r}; it may be auto, yes or no")
    return wish
