"""What reaches a server: its address, the token, and the certificate to trust."""

import re
from pathlib import Path
from typing import Final

from fairlift_cli.failures import Misused

ON_THIS_MACHINE: Final = "127.0.0.1:50051"
# Names that gRPC resolves by itself; an address of the web is none of them.
_SCHEME: Final = re.compile(r"(dns|ipv4|ipv6|unix|unix-abstract|xds):.+")


def is_server_address(text: str) -> bool:
    """Whether it is host and port, or another gRPC name.

    >>> is_server_address("127.0.0.1:50051"), is_server_address("https://shop.example:443")
    (True, False)
    """
    if _SCHEME.fullmatch(text):
        return True
    host, _, port = text.rpartition(":")
    has_port = port.isascii() and port.isdecimal() and int(port) < 65_536
    return bool(host and has_port and not set(host) & set("/@"))


def sent_token(text: str) -> str:
    """The token without blanks around it, if a header can carry it; it is never printed.

    Raises:
        Misused: no header can.
    """
    # A token that was read from a file ends with a line break; server and SDK leave it out too.
    token = text.strip()
    if token.isascii() and (token.isprintable() or not token):
        return token
    raise Misused("contains a line break or a non-ASCII character; was more than the token copied?")


def certificate_in(path: Path | None) -> bytes | None:
    """The content of a certificate file; None: there is no file.

    Raises:
        Misused: it is not in PEM format.
    """
    if path is None:
        return None
    content = path.read_bytes()
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise Misused(
            f"{path} is not a PEM certificate: it has no line -----BEGIN CERTIFICATE-----"
        )
    return content
