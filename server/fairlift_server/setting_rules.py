"""The rules of the server's settings, which hold together and one by one."""

from collections.abc import Mapping

from fairlift.engine.errors import Violation

from fairlift_server.currency_codes import CURRENCIES
from fairlift_server.events.retention_days import RETENTION_RULE, may_retain
from fairlift_server.setting_values import PREFIX, SettingValues
from fairlift_server.store.connection_words import RULE, are_connection_words
from fairlift_server.store.id_key import id_key_from

# Of a token that others may guess at.
_LEAST_TOKEN = 16
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


def violations(settings: SettingValues) -> list[Violation]:
    """Every rule that the settings break."""
    broken = []

    def check(holds: bool, name: str, message: str) -> None:
        if not holds:
            value = getattr(settings, name)
            broken.append(Violation(PREFIX + name.upper(), f"is {value!r}, {message}"))

    check(_is_address(settings.listen), "listen", "must be host:port, such as 127.0.0.1:50051")
    # Without a host it would answer on every address of the machine.
    http = settings.http
    check(not http or _is_address(http), "http", "must be host:port, such as 127.0.0.1:9464")
    check(bool(settings.database), "database", "must be a path, such as fairlift.db")
    scheme, is_url, _ = settings.database.partition("://")
    if is_url and scheme not in ("postgresql", "postgres"):
        # Not the value: it may hold a password.
        text = f"begins with {scheme}://, must be a path or postgresql://…"
        broken.append(Violation(PREFIX + "DATABASE", text))
    if are_connection_words(settings.database):
        broken.append(Violation(PREFIX + "DATABASE", RULE))
    check(
        settings.workers == 1 or "://" in settings.database,
        "workers",
        "must be 1 with a SQLite file, which one process uses; several need "
        "FAIRLIFT_DATABASE=postgresql://…",
    )
    check(
        settings.currency in CURRENCIES,
        "currency",
        "must be the ISO 4217 code of a currency, in capital letters, such as EUR",
    )
    check(
        settings.ENVIRONMENT.fullmatch(settings.environment) is not None,
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
    broken += _analysis_violations(settings)
    broken += _token_violations(settings)
    broken += _key_violations(settings)
    return broken


def _is_address(text: str) -> bool:
    """Whether it is host:port."""
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and int(port) < 65_536


def _analysis_violations(settings: SettingValues) -> list[Violation]:
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


def _key_violations(settings: SettingValues) -> list[Violation]:
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


def _token_violations(settings: SettingValues) -> list[Violation]:
    """What is wrong with the token; the messages never show it, because they end in logs."""
    token = settings.token
    if not all("!" <= character <= "~" for character in token):
        text = "holds a blank or a character that no header can carry; use letters and digits"
    elif 0 < len(token) < _LEAST_TOKEN and not settings.is_loopback:
        text = (
            f"has {len(token)} characters, must have at least {_LEAST_TOKEN} while "
            f"{settings.listen} can be reached from other machines; `openssl rand -hex 32` "
            "makes one"
        )
    else:
        return []
    return [Violation("FAIRLIFT_TOKEN", text)]
