"""`fairlift report`: from a server to a file, and what it says when that cannot be."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import (
    GetCampaignRequest,
    ListCampaignsRequest,
    ListCampaignsResponse,
)
from fairlift.v1.campaign_service_pb2_grpc import (
    CampaignServiceServicer,
    add_CampaignServiceServicer_to_server,
)
from fairlift.v1.results_service_pb2_grpc import (
    ResultsServiceServicer,
    add_ResultsServiceServicer_to_server,
)
from fairlift_cli.__main__ import main

from tests.report.recorded import recorded, recorded_list

Fairlift = Callable[..., Result]


class _Results(ResultsServiceServicer):
    """Says what was recorded of the demo, and a list that may hold anything."""

    def __init__(self) -> None:
        self.more: list[pb.ReportSummary] = []

    def GetResults(self, request: pb.GetResultsRequest, context: grpc.ServicerContext) -> pb.Report:  # noqa: N802
        name = request.name.removeprefix("campaigns/")
        if name == "none":
            context.abort(grpc.StatusCode.NOT_FOUND, "campaign none does not exist")
        return recorded(name, request.language).report

    def ListLooks(  # noqa: N802
        self, request: pb.ListLooksRequest, _: grpc.ServicerContext
    ) -> pb.ListLooksResponse:
        assert request.epoch == 1  # that of the report
        return pb.ListLooksResponse(looks=recorded(request.name.removeprefix("campaigns/")).looks)

    def ListReports(  # noqa: N802
        self, request: pb.ListReportsRequest, _: grpc.ServicerContext
    ) -> pb.ListReportsResponse:
        reports = recorded_list(request.language)
        for each in reports:
            each.last_day = 0  # visitors still enter
        return pb.ListReportsResponse(reports=[*reports, *self.more])


class _Campaigns(CampaignServiceServicer):
    def ListCampaigns(  # noqa: N802
        self, request: ListCampaignsRequest, _: grpc.ServicerContext
    ) -> ListCampaignsResponse:
        assert not request.states  # no archived ones
        names = ("coupon-popup", "cross-sell", "free-shipping")
        campaigns = [campaign for name in names if (campaign := recorded(name).campaign)]
        assert len(campaigns) == len(names)
        return ListCampaignsResponse(campaigns=campaigns)

    def GetCampaign(self, request: GetCampaignRequest, _: grpc.ServicerContext) -> Campaign:  # noqa: N802
        campaign = recorded(request.name.removeprefix("campaigns/")).campaign
        assert campaign is not None
        return campaign


@pytest.fixture(scope="module")
def said() -> Iterator[tuple[_Results, str]]:
    """A server that says what was recorded, and its address."""
    server = grpc.server(ThreadPoolExecutor(2))
    # Calls of other methods are answered as not implemented.
    results = _Results()  # type: ignore[abstract]
    add_ResultsServiceServicer_to_server(results, server)
    campaigns = _Campaigns()  # type: ignore[abstract]
    add_CampaignServiceServicer_to_server(campaigns, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield results, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def fairlift(
    said: tuple[_Results, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Fairlift:
    """The CLI as it is typed in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, words, env={"FAIRLIFT_SERVER": said[1]})

    return run


def test_a_report_is_a_file_named_after_its_campaign(fairlift: Fairlift, tmp_path: Path) -> None:
    run = fairlift("report", "coupon-popup")

    assert (run.exit_code, run.output) == (0, "coupon-popup.html\n")
    page = (tmp_path / "coupon-popup.html").read_text(encoding="utf-8")
    assert "SHIP IT" in page
    # Of the looks, and of the campaign's plan.
    assert "Decided: Nov" in page
    assert "15,500 visitors, or after 21 days" in page


def test_a_report_speaks_the_language_and_goes_where_it_is_told(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    run = fairlift("report", "coupon-popup", "-o", "reports/one.html", "--language", "ro", "--json")

    assert json.loads(run.output) == {"files": ["reports/one.html"]}
    page = (tmp_path / "reports" / "one.html").read_text(encoding="utf-8")
    assert '<html lang="ro">' in page
    assert "LANSEAZĂ" in page


def test_a_page_can_be_piped(fairlift: Fairlift, tmp_path: Path) -> None:
    run = fairlift("report", "coupon-popup", "-o", "-")

    assert run.output.startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == []


def test_all_reports_are_a_list_with_a_page_each(fairlift: Fairlift, tmp_path: Path) -> None:
    run = fairlift("report", "--all", "-o", "pages")

    assert run.exit_code == 0
    index = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    for campaign in ("coupon-popup", "cross-sell", "free-shipping"):
        assert f'href="campaigns/{campaign}.html"' in index
        assert (tmp_path / "pages" / "campaigns" / f"{campaign}.html").stat().st_size > 10_000
    assert run.output.splitlines()[0] == "pages/index.html"
    assert "Which running campaigns share visitors" in index


def test_a_server_cannot_choose_where_a_file_is_written(
    fairlift: Fairlift, said: tuple[_Results, str], tmp_path: Path
) -> None:
    said[0].more = [pb.ReportSummary(campaign="campaigns/../../outside", display_name="Away")]
    try:
        run = fairlift("report", "--all", "-o", "pages")
    finally:
        said[0].more = []

    assert run.exit_code == 1
    assert "is no campaign id" in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a campaign, or give --all"),
        (("coupon-popup", "--all"), "give --all or a campaign, not both"),
        (("--all",), "--all needs a folder: name it with -o"),
        (("--all", "-o", "-"), "--all needs a folder"),
        (("--all", "-o", "pages", "--epoch", "1"), "--epoch is of one campaign"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    fairlift: Fairlift, words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    run = fairlift("report", *words)

    assert run.exit_code == 2
    assert told in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    one = fairlift("report", "coupon-popup", "-o", "file/one.html")
    every = fairlift("report", "--all", "-o", "file")

    assert (one.exit_code, every.exit_code) == (2, 2)
    assert one.stderr.startswith("file/one.html: cannot be written: ")
    assert one.stderr.endswith("; name another with -o\n")
    assert "cannot be written" in every.stderr


def test_a_campaign_that_does_not_exist_leaves_no_file(fairlift: Fairlift, tmp_path: Path) -> None:
    run = fairlift("report", "none")

    assert run.exit_code == 1
    assert "campaign none does not exist" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_opened_when_asked(
    fairlift: Fairlift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)

    fairlift("report", "coupon-popup", "--open")

    assert opened == [(tmp_path / "coupon-popup.html").as_uri()]
