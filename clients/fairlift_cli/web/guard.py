"""Who may read pages, and how browsers must treat them: looked at before any page is made."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlift_cli.web.problems import PageProblem
from fairlift_cli.web.web_settings import WebSettings

# Nothing from elsewhere, no inline script or style sheet, no frame, no form that leads away. Bars
# have their width in an attribute, from numbers alone.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ShowProblem = Callable[[Request, PageProblem], Response]


class PageGuard:
    """Lets through what may be read, and adds the headers that browsers obey."""

    def __init__(self, app: ASGIApp, settings: WebSettings, show_problem: ShowProblem) -> None:
        self._app = app
        self._settings = settings
        self._show_problem = show_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or has it answered."""
        if scope["type"] != "http":
            return
        guarded = _with_headers(send)
        problem = self._problem(scope)
        if problem is None:
            await self._app(scope, receive, guarded)
        else:
            await self._show_problem(Request(scope), problem)(scope, receive, guarded)

    def _problem(self, scope: Scope) -> PageProblem | None:
        settings, headers = self._settings, Headers(scope=scope)
        if settings.is_behind_proxy:
            client = scope.get("client")
            is_proxy = client is not None and settings.trusts(client[0])
            # Two such headers: one of them may come from outside.
            users = headers.getlist(settings.user_header)
            if not is_proxy or len(users) != 1 or not users[0].strip():
                return PageProblem("not_signed_on", settings.base_url)
        if _host_name(headers.get("host", "")) not in settings.host_names:
            own = settings.base_url or f"http://127.0.0.1:{scope['server'][1]}/"
            return PageProblem("wrong_host", own)
        if scope["method"] not in ("GET", "HEAD"):
            return PageProblem("only_reads")
        return None


def _host_name(host: str) -> str:
    """The name without the port: a tunnel may have another one."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            # Results of a shop stay in no cache, unless a file says that it is none.
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return guarded
