"""Runs the pages until the program is ended."""

import contextlib
import os
import socket
import sys
import webbrowser
from collections.abc import Callable

import uvicorn
from fairlift.channel_options import DEFAULT_OPTIONS

from fairlift_cli.failures import Misused
from fairlift_cli.server_connection import Target, connected
from fairlift_cli.web.drawn_parts import prepare_list
from fairlift_cli.web.server_reader import ServerReader
from fairlift_cli.web.web_application import web_application
from fairlift_cli.web.web_settings import WebSettings

_CLOSING_S = 2


def serve_pages(
    target: Target, settings: WebSettings, *, open_browser: bool, say: Callable[[str], None]
) -> None:
    """Serves until SIGINT or SIGTERM; says where, once pages can be read.

    Raises:
        Misused: the port is taken, or the address is not of this machine.
    """
    with _listening(settings) as listening, connected(target, options=DEFAULT_OPTIONS) as server:
        port = listening.getsockname()[1]
        address = settings.base_url or f"http://{_in_address(settings.host)}:{port}/"

        def ready() -> None:
            say(f"Campaigns of {target.address} are shown at {address} (end with Ctrl-C)")
            if open_browser and _has_screen():
                webbrowser.open(address)

        prepare_list()
        app = web_application(ServerReader(server), settings)
        config = uvicorn.Config(
            app, http="h11", ws="none", lifespan="off", log_level="warning", access_log=False,
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=_CLOSING_S,
        )  # fmt: skip
        with contextlib.suppress(KeyboardInterrupt):
            _PageServer(config, ready).run(sockets=[listening])


class _PageServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says so when pages can be read."""
        await super().startup(sockets)
        self._ready()


def _listening(settings: WebSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise Misused(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
            "another port is named with --listen 127.0.0.1:PORT, a free one with port 0"
        ) from None


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _has_screen() -> bool:
    """Whether a browser would be a window; one in the terminal would take it over."""
    is_desktop = sys.platform in ("darwin", "win32")
    return is_desktop or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
