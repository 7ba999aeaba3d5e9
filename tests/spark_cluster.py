"""Spark for the tests, on this machine's loopback: a standalone cluster, and a Connect server.

They come from PySpark's wheel and run as long as the tests do.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_START_S = 90.0
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"


def missing_for_spark() -> str:
    """Why Spark cannot run here; empty if it can."""
    if find_spec("pyspark") is None:
        return "Spark is NOT tested: PySpark is not installed; pip install 'fairlift[spark]'"
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else shutil.which("java")
    if java is None or not Path(java).exists():
        return "Spark is NOT tested: there is no Java; install Java 17 or later, or set JAVA_HOME"
    return ""


@contextmanager
def configured(folder: Path) -> Iterator[None]:
    """Spark as the tests want it: small, quiet, and on loopback alone."""
    settings = {
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "768m",
    }
    lines = (f"{name} {value}\n" for name, value in settings.items())
    (folder / "spark-defaults.conf").write_text("".join(lines))
    variables = {
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # The machines of a cluster need no Python.
        "PYSPARK_PYTHON": "/no/python/on/executors",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ |= variables
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


class _SparkPrograms:
    """Programs of Spark, each a process, and the folder in which they log."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fairlift-spark-"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def stop(self) -> None:
        """Ends all processes and removes what they wrote."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, launcher: str, *arguments: str) -> Path:
        """Starts a program; where it logs."""
        spec = find_spec("pyspark")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        home = Path(spec.submodule_search_locations[0])
        log = self._folder / f"{len(self._processes)}.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [str(home / "bin" / launcher), *arguments],
                stdout=written,
                stderr=written,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
            )
        self._processes.append(process)
        return log

    def _awaited(self, log: Path, wanted: bytes) -> str:
        """What a program says, once it says it."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            found = re.search(wanted, log.read_bytes())
            if found:
                return found.group(1).decode()
            time.sleep(0.1)
        raise RuntimeError(f"Spark did not start:\n{log.read_text(errors='replace')[-4_000:]}")


class SparkCluster(_SparkPrograms):
    """A master and its workers, each a process.

    Attributes:
        url: spark://127.0.0.1:PORT.
    """

    def __init__(self, workers: int = 2) -> None:
        super().__init__()
        try:
            master = self._begin_class(
                _MASTER, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"
            )
            self.url = self._awaited(master, rb"Starting Spark master at (spark://127.0.0.1:\d+)")
            self._logs = [
                self._begin_class(
                    _WORKER, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0",
                    "--cores", "1", "--memory", "1g",
                    "--work-dir", str(self._folder / f"worker-{number}"), self.url,
                )
                for number in range(workers)
            ]  # fmt: skip
            for log in self._logs:
                self._awaited(log, rb"(Successfully registered with master)")
        except BaseException:
            self.stop()
            raise

    def kill_worker(self) -> None:
        """Kills the last worker, as a machine that goes away does."""
        worker = self._processes.pop()
        worker.kill()
        worker.wait()

    def _begin_class(self, program: str, *arguments: str) -> Path:
        return self._begin("spark-class", program, *arguments)


class SparkConnectServer(_SparkPrograms):
    """A server of Spark Connect on this machine, with two threads.

    Attributes:
        url: sc://127.0.0.1:PORT.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            log = self._begin(
                "spark-submit", "--class", _CONNECT, "--master", "local[2]",
                "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
                "--conf", "spark.connect.grpc.binding.port=0",
                "spark-internal",
            )  # fmt: skip
            port = self._awaited(log, rb"Spark Connect server started at: [^\n]*:(\d+)")
        except BaseException:
            self.stop()
            raise
        self.url = f"sc://127.0.0.1:{port}"

    def kill(self) -> None:
        """Kills it, as a machine that goes away does."""
        for process in self._processes:
            process.kill()
            process.wait()
