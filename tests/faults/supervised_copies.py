"""A supervisor whose workers have a SQLite file each: `python -m … FILE FILE`, until told to stop.

Real workers share one PostgreSQL. This shows what needs no database: one port, drains, restarts.
"""

import asyncio
import os
import signal
import sys

from fairlift_server.setting_variables import settings_from
from fairlift_server.workers.shared_port import SharedPort
from fairlift_server.workers.supervisor import SupervisionPace, Supervisor, WorkerCommand


async def main(databases: list[str]) -> int:
    """Runs a worker for each file."""
    with SharedPort("127.0.0.1:0") as shared:

        def command(number: int, beats: int) -> WorkerCommand:
            arguments = ["serve", "--worker", str(number), "--heartbeat", str(beats)]
            changed = {"FAIRLIFT_LISTEN": shared.listen, "FAIRLIFT_DATABASE": databases[number]}
            return WorkerCommand(
                [sys.executable, "-m", "fairlift_server", *arguments], {**os.environ, **changed}
            )

        silence_s = settings_from(os.environ).worker_silence_s
        supervisor = Supervisor(command, len(databases), SupervisionPace(silence_s))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervisor.stop)

        def announce() -> None:
            sys.stdout.write(f"listening on {shared.listen}\n")
            sys.stdout.flush()

        return await supervisor.run(announce)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
