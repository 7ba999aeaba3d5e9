"""The Flask recipe behind a real web server with worker processes, and browsers that visit it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = "examples.recipes.flask_shop:create_app()"


class WebServer:
    """A master process, its workers, and the socket that they all listen on."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers alive."""
        me = self.process.pid
        return [int(each) for each in Path(f"/proc/{me}/task/{me}/children").read_text().split()]

    def visit(self, visitor: str) -> bool:
        """One visitor subscribes; True when the shop said that they did."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Cookie": f"visitor={visitor}", "Connection": "close"}
            connection.request("POST", "/newsletter", headers=headers)
            return connection.getresponse().status == http.HTTPStatus.NO_CONTENT
        except OSError:
            return False
        finally:
            connection.close()

    def visits(self, prefix: str, number: int) -> set[str]:
        """So many visitors, four at a time; those who subscribed."""
        names = [f"{prefix}-{each}" for each in range(number)]
        with ThreadPoolExecutor(4) as browsers:
            answered = list(browsers.map(self.visit, names))
        return {name for name, done in zip(names, answered, strict=True) if done}

    def replaced(self, old: list[int], timeout_s: float = 20.0) -> bool:
        """Waits until none of the old workers is left, and others are there."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            now = self.workers
            if now and not set(now) & set(old):
                return True
            time.sleep(0.02)
        return False


@contextmanager
def gunicorn(target: str, *options: str) -> Iterator[WebServer]:
    """The recipe under gunicorn, talking to the Fairlift server there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", APP, f"--bind=fd://{listener.fileno()}"]
        command += ["--no-control-socket"]
        process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, "FAIRLIFT_SERVER": target},
            cwd=ROOT,
            pass_fds=[listener.fileno()],
        )
        try:
            yield WebServer(process, listener.getsockname()[1])
        finally:
            process.kill()
            process.wait()
