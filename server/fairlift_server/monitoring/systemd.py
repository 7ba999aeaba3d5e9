"""Tells systemd how the server stands, where systemd started it (Type=notify)."""

import os
import socket


def notify(state: str) -> None:
    """Sends a state such as READY=1 (sd_notify(3)); does nothing under another supervisor.

    systemd names its socket in NOTIFY_SOCKET; a name that begins with @ is an abstract one.
    """
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name:
        return
    address = f"\0{name[1:]}" if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address)
