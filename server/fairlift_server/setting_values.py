"""The server's settings: their names, defaults and meanings."""

import re
from dataclasses import Field, dataclass, field
from ipaddress import ip_address
from typing import ClassVar

PREFIX = "FAIRLIFT_"


@dataclass(frozen=True, slots=True)
class SettingValues:
    """A value for each setting, which may break rules."""

    listen: str = field(
        default="127.0.0.1:50051",
        metadata={"help": "host:port to listen on; port 0 takes a free one and prints it"},
    )
    http: str = field(
        default="",
        metadata={
            "help": "host:port of /metrics (Prometheus), /healthz and /readyz; a worker takes the "
            "port of its number after it; empty: none"
        },
    )
    database: str = field(
        default="fairlift.db",
        metadata={
            "help": "path of the SQLite file, whose folder must exist; or postgresql://USER:PASSWORD"
            "@HOST/NAME, which several servers may share"
        },
    )
    currency: str = field(
        default="EUR",
        metadata={"help": "the shop's own currency (ISO 4217); fixed once the ledger holds orders"},
    )
    token: str = field(
        default="",
        repr=False,
        metadata={
            "help": "a token that may do everything, sent as `authorization: Bearer TOKEN`; those "
            "of `fairlift-server token create` may do less"
        },
    )
    first_token_file: str = field(
        default="",
        metadata={
            "help": "file to write the first token to, for an administrator, while there is no "
            "token; default: it is printed, where other machines can reach the server"
        },
    )
    environment: str = field(
        default="",
        metadata={
            "help": "name of this environment, such as production: tokens, snapshots and reports "
            "carry it, and callers of another one are refused"
        },
    )
    tls_certificate: str = field(
        default="",
        metadata={"help": "path of a PEM certificate chain; turns on TLS"},
    )
    tls_key: str = field(
        default="",
        metadata={"help": "path of the certificate's PEM private key"},
    )
    raw_ids: bool = field(
        default=False,
        metadata={
            "help": "yes: store ids of visitors and customers as they come, not keyed; fixed once "
            "the ledger holds events"
        },
    )
    id_key: str = field(
        default="",
        repr=False,
        metadata={
            "help": "the key of stored ids, at least 32 bytes in hex or base64; default: the file "
            "FAIRLIFT_DATABASE.id-key, made at the first start; PostgreSQL has none"
        },
    )
    id_key_file: str = field(
        default="",
        metadata={"help": "path of a file that holds the key of stored ids"},
    )
    erased_file: str = field(
        default="",
        metadata={
            "help": "path of the file that remembers what was erased; default: "
            "FAIRLIFT_DATABASE.erased; with PostgreSQL nobody can be erased without it"
        },
    )
    allow_open: bool = field(
        default=False,
        metadata={
            "help": "yes: listen beyond this machine, and ask for no token until one is made"
        },
    )
    reflection: bool | None = field(
        default=None,
        metadata={"help": "describe the services to grpcurl and buf; default: on loopback only"},
    )
    history_days: int = field(
        default=400,
        metadata={"help": "events older than this are refused"},
    )
    retention_days: int = field(
        default=0,
        metadata={
            "help": "days after which events are removed that no open campaign needs, 30 or more; "
            "0: never"
        },
    )
    parked_events: int = field(
        default=100_000,
        metadata={
            "help": "events that may wait for a clock, a campaign, a rate or a higher limit of "
            "values; 0: none"
        },
    )
    parked_days: int = field(
        default=30,
        metadata={"help": "days that they may wait; then they are refused"},
    )
    queue_events: int = field(
        default=50_000,
        metadata={"help": "events that may wait for the disk; above it calls are refused"},
    )
    journal: str = field(
        default="",
        metadata={
            "help": "folder on this machine that takes events while the database is away; empty: "
            "callers keep them"
        },
    )
    journal_mb: int = field(
        default=1_024,
        metadata={"help": "megabytes that the journal may take"},
    )
    workers: int = field(
        default=1,
        metadata={"help": "server processes on one port; more than one need PostgreSQL"},
    )
    worker_silence_s: float = field(
        default=30.0,
        metadata={"help": "seconds after which a worker that hangs is killed"},
    )
    connection_age_s: float = field(
        default=600.0,
        metadata={
            "help": "seconds, give or take a tenth, after which callers are asked to connect anew "
            "and so spread over all servers; 0: never"
        },
    )
    analyses: int = field(
        default=1,
        metadata={"help": "processes that compute results"},
    )
    analysis: str = field(
        default="duckdb",
        metadata={
            "help": "the engine that computes results: duckdb; spark, on this machine; or "
            "spark:MASTER, such as spark:spark://HOST:7077, or spark:sc://HOST:15002 of Spark "
            "Connect"
        },
    )
    analysis_tables: str = field(
        default="database",
        metadata={
            "help": "what it reads: database; lake:DIR, which `fairlift-server export` writes; or "
            "sources:FILE, which maps the shop's own tables. Spark reads no database"
        },
    )
    analysis_mb: int = field(
        default=1_500,
        metadata={"help": "megabytes of memory that each of them takes for the ledger's rows"},
    )
    analysis_folder: str = field(
        default="",
        metadata={
            "help": "folder of this machine for answers that are remembered, a copy of a SQLite "
            "database that looks read, and rows that do not fit into memory; default: "
            "FAIRLIFT_DATABASE.analysis; with PostgreSQL nothing is remembered without it"
        },
    )
    look_every_s: float = field(
        default=60.0,
        metadata={"help": "seconds between two checks whether a look is due"},
    )
    keep_alive_s: float = field(
        default=20.0,
        metadata={"help": "seconds between keep-alives on quiet streams"},
    )
    drain_delay_s: float = field(
        default=0.0,
        metadata={
            "help": "after SIGTERM, seconds to keep serving while load balancers see health as down"
        },
    )
    drain_s: float = field(
        default=10.0,
        metadata={"help": "after SIGTERM, seconds that running calls may take"},
    )
    log_level: str = field(
        default="info",
        metadata={"help": "debug, info, warning or error; one JSON object a line on stderr"},
    )

    ENVIRONMENT: ClassVar[re.Pattern[str]] = re.compile(r"([a-z][a-z0-9-]{0,31})?")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.listen)


def variable(setting: "Field[object]") -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens on HOST:PORT."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
