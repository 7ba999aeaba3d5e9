"""What a running server takes over from its settings when they are read again (SIGHUP)."""

import logging
import os
from dataclasses import fields, replace

from fairlift.engine.errors import FairliftError, Invalid

from fairlift_server.api.server import GrpcServer
from fairlift_server.build import certificate_of
from fairlift_server.setting_values import variable
from fairlift_server.settings import Settings
from fairlift_server.settings_file import read_settings

log = logging.getLogger("fairlift.server")


class Reload:
    """Reads the settings again: the log's level and the certificate change while calls go on.

    A server with settings that cannot be used goes on as it was.

    Args:
        settings: with which the server was started.
        server: that serves.
    """

    def __init__(self, settings: Settings, server: GrpcServer) -> None:
        self._settings = settings
        self._server = server

    def run(self) -> None:
        """Reads them once."""
        before = self._settings
        try:
            read = read_settings(os.environ)
            if before.tls_certificate and (certificate := certificate_of(read)) is not None:
                self._server.replace_certificate(certificate)
        except Invalid as error:
            reason = "; ".join(map(str, error.violations))
        except FairliftError as error:
            reason = str(error)
        else:
            logging.getLogger().setLevel(read.log_level.upper())
            self._settings = replace(before, log_level=read.log_level)
            if before.tls_certificate and read.tls_certificate:  # on and off by a restart only
                self._settings = replace(
                    self._settings, tls_certificate=read.tls_certificate, tls_key=read.tls_key
                )
            late = [
                variable(setting)
                for setting in fields(read)
                if getattr(self._settings, setting.name) != getattr(read, setting.name)
            ]
            log.info("settings read again", extra={"fields": {"need_a_restart": late}})
            return
        log.error("settings not read again", extra={"fields": {"reason": reason}})
