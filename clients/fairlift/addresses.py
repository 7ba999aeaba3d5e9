"""The addresses in a gRPC target: whether they are of this machine."""

import re
from ipaddress import ip_address


def is_local(target: str) -> bool:
    """Whether all addresses of the target are of this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    # ipv4:127.0.0.1:50051,127.0.0.2:50051, dns:///localhost:50051, or a bare localhost:50051.
    addresses = re.sub("^(ipv4:|ipv6:|dns:)", "", target).rsplit("/", 1)[-1]
    return all(_is_loopback(address) for address in addresses.split(","))


def _is_loopback(address: str) -> bool:
    bracketed = re.fullmatch(r"\[(.*)\](:\d+)?", address)
    if bracketed is not None:
        host = bracketed[1]
    else:
        # More than one colon outside brackets is an IPv6 address without a port.
        host = address.rsplit(":", 1)[0] if address.count(":") == 1 else address
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")
