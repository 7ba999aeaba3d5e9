"""How commands reach the server that their settings describe, or another one that is named."""

from fairlift_server.api.own_server import ServerAccess
from fairlift_server.settings import Settings


def settings_access(settings: Settings, server: str | None) -> ServerAccess:
    """The way to a server.

    Args:
        settings: of the command, which are those of its server.
        server: host:port of another one; None: where the settings listen.

    Raises:
        InvalidRequest: the settings do not say where that is.
    """
    return ServerAccess(
        server or settings.own_address,
        settings.token.strip(),
        settings.tls_certificate,
        settings.tls_key,
        is_own=not server,
    )
