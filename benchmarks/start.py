"""What a start costs: processor time and memory until the server answers, beside bare grpcio.

The database is there already, as at every start but the first. Processor time is that of the
process and not of the clock, so that a busy machine changes little. Both take turns in one run.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.form import Measure, publish

ROUNDS = 7
_BARE = """
import asyncio, grpc.aio
async def main():
    server = grpc.aio.server()
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print("listening", flush=True)
    await server.wait_for_termination()
asyncio.run(main())
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def started(*arguments: str, **environment: str) -> tuple[float, float]:
    """Seconds of the processor, and megabytes, once a program has printed its first line."""
    program = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        assert program.stdout is not None
        program.stdout.readline()
        # See proc(5); the program's name, which may hold blanks, ends in a bracket.
        stat = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{program.pid}/status").read_text()
        kilobytes = int(status.partition("VmRSS:")[2].split()[0])
        return (int(stat[11]) + int(stat[12])) / _TICKS, kilobytes / 1024
    finally:
        program.send_signal(signal.SIGTERM)
        program.communicate()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "FAIRLIFT_DATABASE": str(Path(folder) / "shop.db"),
            "FAIRLIFT_LISTEN": "127.0.0.1:0",
        }
        started("-m", "fairlift_server", "serve", **settings)  # makes the database
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(started("-m", "fairlift_server", "serve", **settings))
            bare.append(started("-c", _BARE))
    cpu_s, memory_mb = (statistics.median(column) for column in zip(*ours, strict=True))
    bare_s, bare_mb = (statistics.median(column) for column in zip(*bare, strict=True))
    publish(
        "start",
        [
            Measure("start_cpu_s", cpu_s, "s", "grpcio", bare_s),
            Measure("start_memory_mb", memory_mb, "MB", "grpcio", bare_mb),
        ],
    )


if __name__ == "__main__":
    main()
