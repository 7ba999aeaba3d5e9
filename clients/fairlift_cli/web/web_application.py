"""The addresses of the pages, and what each of them answers."""

import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from fairlift.wire.campaign import campaign_id
from fairlift_stats.messages import Number
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from fairlift_cli.failures import Failure
from fairlift_cli.figures import Figures
from fairlift_cli.report.shared_visitors import MOST_COMPARED
from fairlift_cli.report_reading import progress_text
from fairlift_cli.tables import TABLE_FORMATS, figure_rows, table_content
from fairlift_cli.web.campaign_filter import STATES, CampaignFilter, all_labels, campaign_filter
from fairlift_cli.web.drawn_parts import campaign_markup, list_markup, report_file
from fairlift_cli.web.guard import PageGuard
from fairlift_cli.web.html_pages import WebPages, asset, page_style
from fairlift_cli.web.live_updates import ALL_CAMPAIGNS, LiveUpdates, PageNews
from fairlift_cli.web.long_reports import StillReading
from fairlift_cli.web.preferences import preferences_of
from fairlift_cli.web.problems import PageProblem, problem_of
from fairlift_cli.web.server_reader import ServerReader, list_version, report_version, running_count
from fairlift_cli.web.web_settings import WebSettings

_MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
}
_READ_AGAIN_S: Final = "2"
_CACHED: Final = {"Cache-Control": "private, max-age=86400"}


def web_application(reader: ServerReader, settings: WebSettings) -> ASGIApp:
    """The pages as an ASGI application."""
    answers = _Answers(reader, WebPages(settings))
    routes: list[BaseRoute] = [
        Route("/", answers.list),
        Route("/events", answers.events),
        Route("/campaigns/{campaign}", answers.campaign),
        Route("/campaigns/{campaign}/events", answers.events),
        Route("/campaigns/{campaign}/report.html", answers.report),
        Route("/campaigns/{campaign}/results.{kind}", answers.table),
        Route("/assets/page.css", _style),
        Route("/assets/live.js", _script),
    ]
    if path := settings.base_path:
        to_list = Route(path, lambda request: _to_list(request, path))
        routes = [to_list, Mount(path, routes=routes)]
    app = Starlette(
        routes=routes,
        exception_handlers={
            Failure: answers.failed,
            StillReading: answers.still_reading,
            HTTPException: answers.missing,
            Exception: answers.broken,
        },
    )
    app.router.redirect_slashes = False
    return PageGuard(app, settings, answers.pages.problem)


class _Answers:
    """What each address answers; what calls the server runs in a thread."""

    def __init__(self, reader: ServerReader, pages: WebPages) -> None:
        self.pages = pages
        self._reader = reader
        self._updates = LiveUpdates(reader)

    def list(self, request: Request) -> Response:
        """The campaigns that match the filter, those first that need action."""
        language = preferences_of(request).language
        query = request.query_params
        wanted = campaign_filter(query.get("state", ""), query.get("label", ""))
        every = self._reader.summaries(language, archived=wanted.state == "archived")
        figures = Figures(language)
        words = [("", figures.say("web.all"))]
        words += [(state, figures.say(f"list.{state}")) for state in STATES]
        matches, is_filtered = wanted.applied(every), wanted != CampaignFilter()
        campaigns = [] if is_filtered else self._reader.running_campaigns(every)
        address = f"{self.pages.settings.base_path}/campaigns/"
        return self.pages.page(
            request, "campaigns.html",
            title=figures.say("web.campaigns"),
            # News are of the campaigns that are not archived; those that are change no more.
            events="" if wanted.state == "archived" else "/events",
            version=list_version(every),
            is_list=True,
            parts=list_markup(matches, language, address=address, campaigns=campaigns),
            not_compared="" if is_filtered else _not_compared(figures, running_count(every)),
            matches=bool(matches),
            is_filtered=is_filtered,
            states=[(state, word, wanted.query(state=state)) for state, word in words],
            chosen_state=wanted.state,
            labels=all_labels(every),
            chosen_label=wanted.label,
        )  # fmt: skip

    def campaign(self, request: Request) -> Response:
        """One campaign, whole."""
        language, epoch = preferences_of(request).language, _epoch(request)
        read = self._reader.campaign(_campaign(request), language, epoch)
        campaign = quote(campaign_id(read.report.campaign))
        path = f"/campaigns/{campaign}"
        return self.pages.page(
            request, "campaign.html",
            title=read.report.display_name or campaign,
            # Looks of an epoch that is over do not change.
            events="" if epoch else f"{path}/events",
            version=report_version(read.report),
            parts=campaign_markup(read, language),
            downloads=f"{self.pages.settings.base_path}{path}",
            epoch_query=f"?epoch={epoch}" if epoch else "",
        )  # fmt: skip

    def report(self, request: Request) -> Response:
        """The same as one file that needs nothing else."""
        language = preferences_of(request).language
        epoch = _epoch(request)
        read = self._reader.campaign(_campaign(request), language, epoch, is_file=True)
        content = report_file(read, language).encode()
        return _download(content, "text/html; charset=utf-8", request, "html")

    def table(self, request: Request) -> Response:
        """Every figure as a table."""
        kind = request.path_params["kind"]
        if kind not in TABLE_FORMATS:
            raise HTTPException(404)
        language = preferences_of(request).language
        campaign, epoch = _campaign(request), _epoch(request)
        report = self._reader.report(campaign, language, epoch, is_file=True)
        return _download(table_content(figure_rows(report), kind), _MEDIA[kind], request, kind)

    async def events(self, request: Request) -> Response:
        """News of a campaign, or of the list, as server-sent events."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._updates.is_full:
            return self.pages.problem(request, PageProblem("too_many"))
        is_list = "campaign" not in request.path_params
        followed = ALL_CAMPAIGNS if is_list else _campaign(request)
        return StreamingResponse(
            _server_sent(self._updates.news(followed)),
            media_type="text/event-stream",
            # nginx would hold events back until its buffer is full.
            headers={"X-Accel-Buffering": "no"},
        )

    async def failed(self, request: Request, failure: Exception) -> Response:
        """The page that says why the server gave no answer."""
        problem = problem_of(failure) if isinstance(failure, Failure) else PageProblem("broken")
        return await run_in_threadpool(self.pages.problem, request, problem)

    async def still_reading(self, request: Request, reading: Exception) -> Response:
        """The page that says how far a report is, and asks for it again."""
        assert isinstance(reading, StillReading), reading
        figures = Figures(preferences_of(request).language)
        response = self.pages.page(
            request, "waiting.html",
            # Scripts see that this is not yet the page that they asked for.
            status=202,
            title=figures.say("web.waiting"),
            progress=progress_text(reading.progress, figures),
        )  # fmt: skip
        response.headers["Refresh"] = _READ_AGAIN_S
        return response

    async def missing(self, request: Request, _: Exception) -> Response:
        """The page that says that there is none."""
        return self.pages.problem(request, PageProblem("no_page"))

    async def broken(self, request: Request, _: Exception) -> Response:
        """The page after a mistake of ours, which is logged."""
        return self.pages.problem(request, PageProblem("broken"))


async def _server_sent(news: AsyncIterator[PageNews | None]) -> AsyncIterator[str]:
    # A comment at once: the browser learns that it is connected.
    yield ":\n\n"
    async for each in news:
        yield ":\n\n" if each is None else f"event: {each.event}\ndata: {each.version}\n\n"


def _to_list(request: Request, path: str) -> Response:
    """To the list below the path of the base URL, with what the address chooses."""
    # A path alone: behind a proxy this program does not know whether people use https.
    query = request.url.query
    return RedirectResponse(f"{path}/?{query}" if query else f"{path}/")


def _not_compared(figures: Figures, count: int) -> str:
    """Why no matrix says who shares visitors; empty where one does, or has no need to."""
    if count <= MOST_COMPARED:
        return ""
    return figures.say("web.not_compared", most=Number(MOST_COMPARED), count=Number(count))


def _campaign(request: Request) -> str:
    campaign: str = request.path_params["campaign"]
    # What is no id can be no campaign: no server needs to be asked.
    if not re.fullmatch(r"[\w.-]{1,200}", campaign, re.ASCII):
        raise HTTPException(404)
    return campaign


def _epoch(request: Request) -> int:
    text = request.query_params.get("epoch", "0")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise HTTPException(404)
    return int(text)


def _download(content: bytes, media_type: str, request: Request, ending: str) -> Response:
    name = f"{_campaign(request)}.{ending}"
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


async def _style(_: Request) -> Response:
    return Response(page_style(), media_type="text/css", headers=_CACHED)


async def _script(_: Request) -> Response:
    return PlainTextResponse(asset("live.js"), media_type="text/javascript", headers=_CACHED)
