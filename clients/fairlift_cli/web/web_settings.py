"""Where the pages are served, and who may read them."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from fairlift_cli.failures import Misused

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

USER_HEADER: Final = "X-Forwarded-User"
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where to listen, and the sign-on proxy in front, if there is one.

    Attributes:
        host: an address of this machine; loopback unless there is a proxy.
        port: 0 for one that is free.
        base_url: what people type to reach the proxy; empty without one.
        user_header: in it the proxy names who has signed on.
        proxies: addresses that may connect; only looked at with a proxy.
    """

    host: str
    port: int
    base_url: str = ""
    user_header: str = USER_HEADER
    proxies: tuple[Network, ...] = ()

    @property
    def is_behind_proxy(self) -> bool:
        """Whether a proxy signs people on; else only this machine is served."""
        return bool(self.base_url)

    @property
    def base_path(self) -> str:
        """What all paths begin with, such as /fairlift; empty at the root."""
        return urlsplit(self.base_url).path.rstrip("/")

    @property
    def host_names(self) -> tuple[str, ...]:
        """What browsers may call this server; another name is an attack by DNS rebinding."""
        if self.is_behind_proxy:
            return ((urlsplit(self.base_url).hostname or ""),)
        return _LOOPBACK_NAMES

    def trusts(self, address: str) -> bool:
        """Whether a connection from this address may name a user."""
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        # A socket for both protocols gives IPv4 addresses in this form.
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self.proxies)


def web_settings(
    listen: str, *, base_url: str = "", user_header: str = USER_HEADER, proxies: Sequence[str] = ()
) -> WebSettings:
    """Settings from what was typed.

    Raises:
        Misused: a text is not what it must be, or other machines are served without a proxy.
    """
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise Misused(f"--listen: is {listen!r}, must be like 127.0.0.1:8765")
    if base_url:
        _check_url(base_url)
    elif not _is_loopback(host):
        raise Misused(
            f"--listen: {host} can be reached from other machines, and these pages ask for no "
            "password; put a sign-on proxy in front and name it with --base-url, "
            "or listen on 127.0.0.1"
        )
    elif proxies:
        raise Misused("--proxy needs --base-url, the address of the sign-on proxy")
    networks = tuple(map(_network, proxies or ("127.0.0.0/8", "::1")))
    return WebSettings(host, int(port), base_url, user_header, networks)


# A scheme, a host with or without a port, and a path; nothing that a page or a redirect could turn
# into something else.
_PLAIN_URL: Final = re.compile(r"https?://[\w.:\[\]-]+(/[\w.~-]+)*/?")


def _check_url(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        is_plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that there is not
        is_plain = False
    if not is_plain or not _PLAIN_URL.fullmatch(base_url):
        raise Misused(f"--base-url: is {base_url!r}, must be like https://fairlift.shop.example")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Misused(
            f"--proxy: is {text!r}, must be an address or a network such as 10.0.0.0/24"
        ) from None
