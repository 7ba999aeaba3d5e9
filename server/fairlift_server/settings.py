"""The server's settings, which break no rule."""

from dataclasses import dataclass

from fairlift.engine.errors import InvalidRequest, Violation

from fairlift_server.setting_rules import violations
from fairlift_server.setting_values import SettingValues


@dataclass(frozen=True, slots=True)
class Settings(SettingValues):
    """The server's settings; `queue_events` is read from FAIRLIFT_QUEUE_EVENTS, and so on.

    Raises:
        InvalidRequest: lists every setting that breaks a rule.
    """

    def __post_init__(self) -> None:
        if broken := violations(self):
            raise InvalidRequest(broken)

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
    def is_open(self) -> bool:
        """Whether callers need no token as long as there is none."""
        return not self.first_token_file and (self.is_loopback or self.allow_open)

    @property
    def has_reflection(self) -> bool:
        """Whether the services describe themselves."""
        return self.is_loopback if self.reflection is None else self.reflection
