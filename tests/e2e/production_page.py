"""Runs the commands of docs/production.md as they stand there: `make production`.

Each section becomes a part of one script of bash, in an empty home. The script stops at the first
command that fails.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.postgres import PostgresServer

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "production.md"
# Where a shell of a new user finds programs.
PATH = "/usr/local/bin:/usr/bin:/bin"
_MARK = "@@ "


@dataclass(frozen=True, slots=True)
class Step:
    """One section of the page: how long its commands took, and what they printed."""

    title: str
    seconds: float
    output: str


def sections() -> dict[str, str]:
    """The commands of each section, by its title."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    commands = {}
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        commands[title] = "\n".join(
            re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        )
    return commands


def run_page(home: Path, *, user: str | None, wheel: Path | None) -> list[Step]:
    """Runs all commands in a home, and says what came of each section.

    Args:
        home: an empty folder, of that user.
        user: who runs them; None: whoever runs this program.
        wheel: what is installed in place of the published package; None: nothing is installed,
            and the programs of this environment run.

    Raises:
        RuntimeError: a command failed; the message has what was printed.
    """
    server = PostgresServer(folder=None)
    try:
        given = {
            "HOME": str(home),
            "PATH": f"{server.programs}:{PATH}",
            "SUPERUSER": _superuser(server),
            # Where no server of this machine listens.
            "PORT": str(_free_port()),
            "HTTP_PORT": str(_free_port()),
            "DATABASE_PORT": str(server.port),
        }
        script = "\n".join(_script(given, wheel))
        process = subprocess.run(
            ["/bin/bash", "-c", script], cwd=home, env=given, user=user,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if process.returncode:
            log = (home / "server.log").read_text() if (home / "server.log").exists() else ""
            raise RuntimeError(f"{process.stdout}\n{log}")
        return list(_steps(process.stdout))
    finally:
        server.remove()


def _script(given: Mapping[str, str], wheel: Path | None) -> Iterator[str]:
    yield "set -eEuo pipefail"
    # The server that the page starts ends with the script.
    yield "trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT"
    for title, commands in sections().items():
        yield f'echo "{_MARK}$EPOCHREALTIME {title}"'
        # A line that begins with ! is a command that must be refused.
        text = re.sub(r"^! (.*)$", r"if \1; then exit 9; fi", commands, flags=re.MULTILINE)
        for name in ("PORT", "HTTP_PORT", "DATABASE_PORT"):
            text = re.sub(rf"\b{name}=\d+", f"{name}={given[name]}", text)
        if "pip install" in text:
            text = _installing(text, wheel)
        yield text
    yield f'echo "{_MARK}$EPOCHREALTIME end"'


def _installing(text: str, wheel: Path | None) -> str:
    if wheel is None:
        return f"export PATH={Path(sys.executable).parent}:$PATH\nfairlift --version"
    return re.sub(r"'(fairlift\[.*\])'", rf"'\1 @ {wheel.as_uri()}'", text)


def _steps(output: str) -> Iterator[Step]:
    parts = re.split(rf"^{_MARK}([\d.,]+) (.+)$", output, flags=re.MULTILINE)
    starts = [float(each.replace(",", ".")) for each in parts[1::3]]
    for number, title in enumerate(parts[2::3][:-1]):
        seconds = starts[number + 1] - starts[number]
        yield Step(title, seconds, parts[3::3][number].strip())


def _superuser(server: PostgresServer) -> str:
    """The URL of a user who may make others; the user of the page must give its password."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE postgres SUPERUSER LOGIN")
    url = server.url.replace("fairlift@", "postgres@")
    rule = "host shop fairlift 127.0.0.1/32 scram-sha-256\n"
    access = server.data / "pg_hba.conf"
    access.write_text(rule + access.read_text())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER ROLE fairlift RENAME TO first_user")
        connection.execute("SELECT pg_reload_conf()")
    return url


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def _home(user: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fairlift-home-") as name:
        home = Path(name)
        if user is not None:
            shutil.chown(home, user)
        yield home


def main() -> None:
    """Prints what each section took, from a new environment with a wheel of this repository."""
    user = "nobody" if os.geteuid() == 0 else None
    with _home(user) as home, tempfile.TemporaryDirectory() as dist:
        Path(dist).chmod(0o755)
        subprocess.run(
            [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", dist, ROOT],
            env={**os.environ, "FAIRLIFT_COMPILE": "no"}, check=True,
        )  # fmt: skip
        steps = run_page(home, user=user, wheel=next(Path(dist).glob("*.whl")))
    for step in steps:
        sys.stdout.write(f"{step.seconds:6.1f} s  {step.title}\n")
    sys.stdout.write(f"{sum(step.seconds for step in steps):6.1f} s  in all\n")


if __name__ == "__main__":
    main()
