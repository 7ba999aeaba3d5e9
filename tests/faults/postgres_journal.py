"""PostgreSQL is killed and away while callers send to a server that has a journal."""

import tempfile
import time
from pathlib import Path

import grpc
import psycopg

from tests.e2e.test_server_process import process, start_campaign
from tests.faults.database_away import Callers, has_files, wait_until
from tests.faults.postgres_faults import postgres


def postgres_away(*, seconds: float) -> dict[str, float]:
    """The counts after so many seconds without the database."""
    callers = Callers()
    with tempfile.TemporaryDirectory() as name, postgres() as database:
        journal = Path(name, "journal")
        settings = {
            "FAIRLIFT_DATABASE": database.url,
            "FAIRLIFT_ID_KEY": "5a" * 32,
            "FAIRLIFT_JOURNAL": str(journal),
            "FAIRLIFT_LOG_LEVEL": "error",
        }
        with (
            process(Path(name), log=None, **settings) as (_, address),
            grpc.insecure_channel(address) as channel,
        ):
            start_campaign(channel)
            with callers.sending(channel):
                wait_until(lambda: callers.count > 0)
                before = callers.count
                database.kill()
                time.sleep(seconds)
                while_away = callers.count - before
                database.start()
                time.sleep(1)
            wait_until(lambda: not has_files(journal))
        with psycopg.connect(database.url) as connection:
            rows = connection.execute("SELECT event_id FROM exposures").fetchall()
    stored = [bytes(row[0]).hex() for row in rows]
    acknowledged = {each for mine in callers.acknowledged for each in mine}
    return {
        "while away": while_away,
        "acknowledged": len(acknowledged),
        "refused": callers.refused,
        "lost": len(acknowledged - set(stored)),
        "doubled": len(stored) - len(set(stored)),
    }
