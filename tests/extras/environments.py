"""Fresh virtual environments, each with the wheel and one of its extras."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return self.program("python")

    def program(self, name: str) -> str:
        """The path of an installed program."""
        return str(self.folder / "bin" / name)

    def run(
        self, *command: str, settings: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What one of its programs prints, and its exit code; it runs outside the repository."""
        return subprocess.run(
            [self.program(command[0]), *command[1:]],
            cwd=self.folder, env=clean_environment() | dict(settings or {}),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def prints(self, program: str, *arguments: str) -> str:
        """What a Python program prints; its failure is the test's."""
        run = self.run("python", "-c", program, *arguments)
        assert run.returncode == 0, run.stderr
        return run.stdout


@dataclass(frozen=True, slots=True)
class Environments:
    """Environments by extra, and the wheel: each made once, whichever process needs it first."""

    folder: Path

    def of(self, extra: str) -> Environment:
        """The environment with this extra alone; an empty text is the package without any."""
        folder = self.folder / (extra or "none")
        with _made_once(folder) as must_make:
            if must_make:
                _uv("venv", "--quiet", "--python", sys.executable, str(folder))
                _uv(
                    "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"),
                    "--constraint", str(ROOT / "constraints.txt"),
                    f"fairlift[{extra}] @ {self._wheel().as_uri()}",
                )  # fmt: skip
        return Environment(folder)

    def _wheel(self) -> Path:
        folder = self.folder / "wheel"
        with _made_once(folder) as must_make:
            if must_make:
                _uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
        return next(folder.glob("*.whl"))


def clean_environment() -> dict[str, str]:
    """The variables of this process without those that change where Python or Fairlift looks."""
    theirs = ("FAIRLIFT_", "PYTHON", "VIRTUAL_ENV", "COV_", "PYTEST")
    return {name: text for name, text in os.environ.items() if not name.startswith(theirs)}


@contextmanager
def _made_once(folder: Path) -> Iterator[bool]:
    """Whether the folder still has to be made; other processes wait until it is."""
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not done.exists()
        done.touch()


def _uv(*words: str) -> None:
    """Runs uv: from its cache, which `make setup` filled, and else with the package index."""
    settings = clean_environment() | {"FAIRLIFT_COMPILE": "no"}
    for offline in (["--offline"], []):
        run = subprocess.run(
            [sys.executable, "-m", "uv", *words, *offline],
            env=settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode == 0:
            return
    raise RuntimeError(f"uv {' '.join(words)}\n{run.stderr}")
