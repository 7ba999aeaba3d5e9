"""The server's settings, from environment variables; no other module reads its variables."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from ipaddress import ip_address
from typing import ClassVar

from fairlift.engine.errors import Invalid, InvalidRequest, Violation

from fairlift_server.events.retention_days import RETENTION_RULE, may_retain
from fairlift_server.store.id_key import id_key_from

# Of a token that others may guess at.
MIN_TOKEN = 16
PREFIX = "FAIRLIFT_"
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
# What the command line, the SDK's build and the tests read.
_OF_OTHERS = frozenset(
    {
        *("CONFIG", "SERVER", "ENV", "CA", "LANGUAGE", "COMPILE"),
        *("TESTED", "TESTED_DATABASE", "TEST_POSTGRES"),
    }
)
# What other servers call a setting.
_OTHER_WORDS = {
    **dict.fromkeys(("ADDRESS", "ADDR", "BIND", "HOST", "PORT"), "LISTEN"),
    **dict.fromkeys(("DB", "FILE", "PATH", "DATA", "DATABASE_URL", "DSN"), "DATABASE"),
    **dict.fromkeys(("KEY", "SECRET", "PASSWORD", "API_KEY"), "TOKEN"),
    **dict.fromkeys(("CERT", "TLS_CERT", "CERTIFICATE"), "TLS_CERTIFICATE"),
    **dict.fromkeys(("DEBUG", "LOG", "LOGLEVEL"), "LOG_LEVEL"),
}
# The lowest and the highest value of each number: what a server can work with.
_RANGES: Mapping[str, tuple[float, float]] = {
    "history_days": (1, 36_500),
    "parked_events": (0, 10_000_000),
    "parked_days": (1, 3_650),
    "queue_events": (1_000, 10_000_000),  # at least one full batch
    "journal_mb": (1, 1_048_576),
    "workers": (1, 64),
    "worker_silence_s": (2, 3_600),
    "connection_age_s": (0, 86_400),
    "analyses": (1, 64),
    "analysis_mb": (256, 1_048_576),
    "look_every_s": (0.01, 86_400),
    "keep_alive_s": (0.01, 3_600),
    "drain_delay_s": (0, 3_600),
    "drain_s": (0, 3_600),
}
# Default values as `--help` prints them.
_DEFAULT_TEXT = {"''": "unset", "None": "unset", "True": "yes", "False": "no"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's settings; `queue_events` is read from FAIRLIFT_QUEUE_EVENTS, and so on.

    Raises:
        InvalidRequest: lists every setting that breaks a rule.
    """

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

    CURRENCY: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z]{3}")
    ENVIRONMENT: ClassVar[re.Pattern[str]] = re.compile(r"([a-z][a-z0-9-]{0,31})?")

    def __post_init__(self) -> None:
        violations = _violations(self)
        if violations:
            raise InvalidRequest(violations)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Settings from variables such as FAIRLIFT_LISTEN.

        Raises:
            InvalidRequest: a value breaks a rule, or a variable looks like a misspelt setting.
        """
        settings_by_variable = {variable(setting): setting for setting in fields(cls)}
        values: dict[str, object] = {}
        violations: list[Violation] = []
        for name, text in environment.items():
            if setting := settings_by_variable.get(name):
                try:
                    values[setting.name] = _parsed(setting, text)
                except ValueError as error:
                    violations.append(Violation(name, str(error)))
            elif suggestion := _close_match(name, settings_by_variable):
                violations.append(Violation(name, f"is not known; did you mean {suggestion}?"))
        try:
            settings = cls(**values)  # type: ignore[arg-type]  # each value is parsed by its field's type
        except Invalid as error:
            named = {violation.field for violation in violations}
            violations += [other for other in error.violations if other.field not in named]
        if violations:
            raise InvalidRequest(violations)
        return settings

    @property
    def host(self) -> str:
        """The host part of `listen`, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def own_address(self) -> str:
        """Where this machine reaches the server that has these settings.

        Raises:
            InvalidRequest: they do not say.
        """
        port = self.listen.rpartition(":")[2]
        if port == "0":
            rule = "is port 0, so the server's address is not known; give --server HOST:PORT"
            raise InvalidRequest([Violation("FAIRLIFT_LISTEN", rule)])
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.listen)

    @property
    def is_open(self) -> bool:
        """Whether callers need no token as long as there is none."""
        return not self.first_token_file and (self.is_loopback or self.allow_open)

    @property
    def has_reflection(self) -> bool:
        """Whether the services describe themselves."""
        return self.is_loopback if self.reflection is None else self.reflection


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens on HOST:PORT."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def variable(setting: "Field[object]") -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A line for each FAIRLIFT_ variable that no program of Fairlift reads.

    What Kubernetes sets for a service named fairlift is left alone.
    """
    names = {setting.name.upper() for setting in fields(Settings)}
    lines = []
    for name, text in sorted(environment.items()):
        word = name.removeprefix(PREFIX)
        if word == name or word in names | _OF_OTHERS or _is_of_kubernetes(word, text):
            continue
        near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
        setting = _OTHER_WORDS.get(word) or next(iter(near), "")
        way_out = f"did you mean {PREFIX}{setting}?" if setting else "see fairlift-server --help"
        lines.append(f"{name} is not a setting and is ignored; {way_out}")
    return lines


def _is_of_kubernetes(word: str, text: str) -> bool:
    return re.fullmatch(r"SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+", word) is not None or (
        word == "PORT" and "://" in text
    )


def settings_help() -> str:
    """Every setting with its default and meaning, for `--help`."""
    lines = []
    for setting in fields(Settings):
        assert setting.default is not MISSING
        default = _DEFAULT_TEXT.get(repr(setting.default), setting.default)
        lines.append(f"  {variable(setting)} = {default}\n      {setting.metadata['help']}")
    return "\n".join(lines)


def _close_match(name: str, variables: Iterable[str]) -> str | None:
    """The setting that a variable probably misspells.

    Other FAIRLIFT_ variables may belong to other programs; `unknown_variables` warns of them.
    """
    if not name.startswith(PREFIX):
        return None
    names = [variable.removeprefix(PREFIX) for variable in variables]
    matches = difflib.get_close_matches(name.removeprefix(PREFIX), names, n=1, cutoff=0.8)
    return f"{PREFIX}{matches[0]}" if matches else None


def _parsed(setting: "Field[object]", text: str) -> object:
    kind = setting.type
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"is {text!r}, must be a number such as {setting.default}") from None
    if kind is str:
        return _token(text) if setting.name == "token" else text
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(f"is {text!r}, must be yes or no")
    return word in _YES


def _token(text: str) -> str:
    # A token from a mounted file ends in a new line.
    token = text.strip()
    if text and not token:
        raise ValueError("is blank, as from an empty file; set a token, or leave it out")
    return token


def _violations(settings: Settings) -> list[Violation]:
    violations = []

    def check(holds: bool, name: str, message: str) -> None:
        if not holds:
            value = getattr(settings, name)
            violations.append(Violation(PREFIX + name.upper(), f"is {value!r}, {message}"))

    host, colon, port = settings.listen.rpartition(":")
    check(
        bool(host and colon and port.isdigit() and int(port) < 65_536),
        "listen",
        "must be host:port, such as 127.0.0.1:50051",
    )
    check(bool(settings.database), "database", "must be a path, such as fairlift.db")
    scheme, is_url, _ = settings.database.partition("://")
    if is_url and scheme not in ("postgresql", "postgres"):
        # Not the value: it may hold a password.
        text = f"begins with {scheme}://, must be a path or postgresql://…"
        violations.append(Violation(PREFIX + "DATABASE", text))
    check(
        settings.workers == 1 or "://" in settings.database,
        "workers",
        "must be 1 with a SQLite file, which one process uses; several need "
        "FAIRLIFT_DATABASE=postgresql://…",
    )
    check(
        Settings.CURRENCY.fullmatch(settings.currency) is not None,
        "currency",
        "must be an ISO 4217 code such as EUR",
    )
    check(
        Settings.ENVIRONMENT.fullmatch(settings.environment) is not None,
        "environment",
        "must be up to 32 small letters, digits and hyphens, such as production",
    )
    for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        check(
            bool(getattr(settings, name)) or not getattr(settings, other),
            name,
            f"must be set too, because {PREFIX}{other.upper()} is",
        )
    for name, (low, high) in _RANGES.items():
        # Written so that nan, which is in no range, is refused.
        is_in = low <= getattr(settings, name) <= high
        check(is_in, name, f"must be {low:,} to {high:,}")
    check(may_retain(settings.retention_days), "retention_days", RETENTION_RULE)
    check(
        settings.log_level in ("debug", "info", "warning", "error"),
        "log_level",
        "must be debug, info, warning or error",
    )
    violations += _analysis_violations(settings)
    violations += _token_violations(settings)
    violations += _key_violations(settings)
    return violations


def _analysis_violations(settings: Settings) -> list[Violation]:
    """What is wrong with the engine or with what it reads."""
    violations = []
    engine, _, master = settings.analysis.partition(":")
    if settings.analysis not in ("duckdb", "spark") and not (engine == "spark" and master):
        rule = "must be duckdb, spark, or spark:MASTER such as spark:spark://HOST:7077"
        violations.append(Violation("FAIRLIFT_ANALYSIS", f"is {settings.analysis!r}, {rule}"))
    kind, _, path = settings.analysis_tables.partition(":")
    if settings.analysis_tables != "database" and not (kind in ("lake", "sources") and path):
        rule = "must be database, lake:DIR or sources:FILE"
        name = "FAIRLIFT_ANALYSIS_TABLES"
        violations.append(Violation(name, f"is {settings.analysis_tables!r}, {rule}"))
    elif engine == "spark" and not path:
        rule = "is database, which Spark does not read; set it to lake:DIR or sources:FILE"
        violations.append(Violation("FAIRLIFT_ANALYSIS_TABLES", rule))
    return violations


def _key_violations(settings: Settings) -> list[Violation]:
    """What is wrong with the key of stored ids; the messages never show it."""
    given = {
        "FAIRLIFT_ID_KEY": settings.id_key,
        "FAIRLIFT_ID_KEY_FILE": settings.id_key_file,
        "FAIRLIFT_RAW_IDS": "yes" if settings.raw_ids else "",
    }
    chosen = [name for name, value in given.items() if value]
    if len(chosen) > 1:
        return [Violation(chosen[1], f"is set, and {chosen[0]} too; leave one of them out")]
    if not chosen and "://" in settings.database:
        text = (
            "is unset, and every server of a database needs the same key; set it, or "
            "FAIRLIFT_ID_KEY_FILE, to the key that the shop has, or for a new database to what "
            "`openssl rand -hex 32` prints, and keep a copy"
        )
        return [Violation("FAIRLIFT_ID_KEY", text)]
    try:
        if settings.id_key:
            id_key_from(settings.id_key)
    except ValueError as error:
        return [Violation("FAIRLIFT_ID_KEY", str(error))]
    return []


def _token_violations(settings: Settings) -> list[Violation]:
    """What is wrong with the token; the messages never show it, because they end in logs."""
    token = settings.token
    if not all("!" <= character <= "~" for character in token):
        text = "holds a blank or a character that no header can carry; use letters and digits"
    elif 0 < len(token) < MIN_TOKEN and not settings.is_loopback:
        text = (
            f"has {len(token)} characters, must have at least {MIN_TOKEN} while "
            f"{settings.listen} can be reached from other machines; `openssl rand -hex 32` "
            "makes one"
        )
    else:
        return []
    return [Violation("FAIRLIFT_TOKEN", text)]
