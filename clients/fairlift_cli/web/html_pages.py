"""Pages around what the report draws: its parts, with links, switches and filters."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

from fairlift_report.page import style
from fairlift_report.templates import template_environment
from fairlift_stats.locale import text
from fairlift_stats.messages import Message, Verbatim
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from fairlift_cli.web.preferences import THEMES, preferences_of, remember, switched
from fairlift_cli.web.problems import PageProblem
from fairlift_cli.web.web_settings import WebSettings

_LANGUAGE_NAMES: Final = (("en", "English"), ("es", "Español"), ("ro", "Română"))


@dataclass(frozen=True, slots=True)
class WebPages:
    """Makes responses of templates; what they are given is escaped by the engine."""

    settings: WebSettings

    def page(
        self, request: Request, template: str, *, title: str, status: int = 200,
        events: str = "", version: str = "", **places: Any,
    ) -> Response:  # fmt: skip
        """A page in the reader's language and colours.

        Args:
            request: names the reader's choices.
            template: a file of the folder `templates`.
            title: of the window.
            status: of the response.
            events: the path of the news of this page; empty when it has none.
            version: of what it shows.
            places: what the template needs.
        """
        preferences, root = preferences_of(request), self.settings.base_path
        language = preferences.language
        content = (
            _templates()
            .get_template(template)
            .render(
                say=_speaker(language),
                title=title,
                language=language,
                theme=preferences.theme,
                languages=_LANGUAGE_NAMES,
                themes=THEMES,
                switched=lambda name, value: switched(request, name, value),
                root=root,
                events=f"{root}{events}" if events else "",
                version=version,
                user=self._user(request),
                asset_version=asset_version(),
                **{"is_list": False, **places},
            )
        )
        response = HTMLResponse(content, status)
        response.headers["Vary"] = "Accept-Language, Cookie"
        remember(request, response)
        return response

    def problem(self, request: Request, problem: PageProblem) -> Response:
        """A page that says what is wrong and what to do; it continues when the server is back."""
        language = preferences_of(request).language
        return self.page(
            request,
            "problem.html",
            title=problem.title(language),
            status=problem.status,
            events=_events_of(request) if problem.name in ("no_server", "token_refused") else "",
            version=problem.version,
            action=problem.action(language),
        )

    def _user(self, request: Request) -> str:
        if not self.settings.is_behind_proxy:
            return ""
        return request.headers.get(self.settings.user_header, "")[:100]


@cache
def asset(name: str) -> str:
    """A file of the folder `assets`."""
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


@cache
def asset_version() -> str:
    """Changes with the assets, so that browsers may keep them."""
    content = asset("live.js") + page_style()
    return hashlib.sha256(content.encode()).hexdigest()[:12]


@cache
def page_style() -> str:
    """The style of the report, and of the frame around it."""
    # Plain text: what is HTML would escape the rest.
    return str(style()) + asset("page.css")


def _events_of(request: Request) -> str:
    campaign = request.path_params.get("campaign", "")
    return f"/campaigns/{quote(campaign)}/events" if campaign else "/events"


def _speaker(language: str) -> Any:
    def say(key: str, **places: str) -> str:
        figures = tuple((name, Verbatim(value)) for name, value in sorted(places.items()))
        return text(Message(key, figures), language)

    return say


@cache
def _templates() -> Environment:
    return template_environment("fairlift_cli.web")
