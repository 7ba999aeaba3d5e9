"""fairlift-server check-config: says whether a server would take the settings; starts nothing."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command, without_arguments
from fairlift_server.setting_values import PREFIX, is_loopback, variable
from fairlift_server.settings import Settings

# Shown as set or unset only.
_SECRET: Final = frozenset({"token", "id_key"})


def _run(settings: Settings, _arguments: argparse.Namespace) -> None:
    from fairlift_server.api.certificate import read_certificate
    from fairlift_server.build import id_settings_of
    from fairlift_server.store.postgres_database import without_secrets

    if settings.tls_certificate:
        read_certificate(settings.tls_certificate, settings.tls_key)
    if settings.id_key_file:
        id_settings_of(settings)
    _check_folders(settings)
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if value == setting.default:
            continue
        shown = "(set)" if setting.name in _SECRET else str(value)
        if setting.name == "database" and "://" in shown:
            shown = without_secrets(shown)
        print(f"{variable(setting)} = {shown}")
    print("the settings can be used; every other one has its default")
    for doubt in _doubts(settings):
        print(doubt)


def _check_folders(settings: Settings) -> None:
    """Looks for the folders in which a server would make its files.

    Raises:
        WrongState: one is not there.
    """
    from fairlift_server.store.database import is_url

    for name in ("database", "journal"):
        value = getattr(settings, name)
        if value and not is_url(value) and not (folder := Path(value).resolve().parent).is_dir():
            raise WrongState(
                f"{PREFIX}{name.upper()} is {value}, but there is no folder {folder}; make it"
            )


def _doubts(settings: Settings) -> Iterator[str]:
    """What works, and is seldom meant."""
    from fairlift_server.api.certificate import read_certificate

    if not settings.is_loopback and not settings.tls_certificate:
        yield (
            "doubt: calls from other machines are not encrypted; set FAIRLIFT_TLS_CERTIFICATE, "
            "unless a proxy in front does it"
        )
    if not settings.is_loopback and settings.is_open and not settings.token:
        yield (
            "doubt: other machines need no token until the first one is made; leave out "
            "FAIRLIFT_ALLOW_OPEN, and the server makes it at its start"
        )
    if settings.http and not is_loopback(settings.http):
        yield (
            "doubt: other machines can read the pages of FAIRLIFT_HTTP, which ask for no token; "
            "keep the port inside your network"
        )
    if settings.tls_certificate:
        facts = read_certificate(settings.tls_certificate, settings.tls_key).facts
        if facts is not None and facts.ends <= datetime.now(UTC):
            yield f"doubt: the certificate {settings.tls_certificate} has ended; callers refuse it"
    for name in ("tls_key", "id_key_file"):
        path = Path(getattr(settings, name) or os.devnull)
        if path.is_file() and path.stat().st_mode & 0o004:
            yield f"doubt: every user of this machine can read {path}; `chmod o-r {path}`"


CHECK_CONFIG = Command(
    "check-config",
    "check the settings, the certificate and the key's file, and print what is set",
    without_arguments,
    _run,
)
