"""A page of a report that takes long says how far it is, and becomes the report."""

import threading
from html import unescape

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.failures import Unreachable
from fairlift_cli.web.long_reports import LongReports, StillReading, Tell
from fairlift_stats.locale import LANGUAGES, text
from fairlift_stats.messages import Message

from tests.canned_server import CannedServer
from tests.cli.web.conftest import Visit

PAGE = "/campaigns/free-shipping"
PROGRESS = pb.ReportProgress(share=0.4, elapsed_s=12.0)
KEY = ("free-shipping", "en", 0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_how_far_its_report_is_and_then_shows_it(
    visit: Visit, canned: CannedServer, language: str
) -> None:
    canned.progress = PROGRESS
    browser = visit()

    waiting = browser.get(f"{PAGE}?language={language}")
    canned.progress = None
    page = browser.get(f"{PAGE}?language={language}")

    assert waiting.status_code == 202
    assert waiting.headers["Refresh"] == "2"
    assert text(Message.of("web.waiting"), language) in unescape(waiting.text)
    assert "40" in waiting.text
    assert page.status_code == 200
    assert "Refresh" not in page.headers
    assert "Free earns more per visitor" in page.text
    # One reading for both.
    assert canned.calls.count("WatchResults") == 1


class Reading:
    """Reads a report for as long as the test says."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Event()
        self.told = threading.Event()
        self.has_left = threading.Event()

    def __call__(self, tell: Tell) -> pb.Report:
        self.begun += 1
        try:
            while not self.may_end.wait(0.01):
                tell(PROGRESS)
                self.told.set()
        except BaseException:
            self.has_left.set()
            raise
        return pb.Report(campaign="campaigns/free-shipping")


def test_pages_that_ask_meanwhile_share_one_reading() -> None:
    reports, read = LongReports(), Reading()
    for _ in range(3):
        with pytest.raises(StillReading) as still:
            reports.report(KEY, read, patience_s=0.0)
    read.told.wait()
    with pytest.raises(StillReading) as still:
        reports.report(KEY, read, patience_s=0.0)
    read.may_end.set()

    assert reports.report(KEY, read, patience_s=60.0).campaign == "campaigns/free-shipping"
    assert still.value.progress == PROGRESS
    assert read.begun == 1


def test_a_page_after_the_report_was_shown_reads_it_anew() -> None:
    reports, read = LongReports(), Reading()
    read.may_end.set()
    for _ in range(2):
        reports.report(KEY, read, patience_s=60.0)

    assert read.begun == 2


def test_a_reading_that_no_page_asks_for_any_more_is_ended() -> None:
    reports, read = LongReports(left_s=0.0), Reading()
    with pytest.raises(StillReading):
        reports.report(KEY, read, patience_s=0.0)

    assert read.has_left.wait(60)


def test_a_file_that_waits_longer_than_pages_ask_is_not_left() -> None:
    reports, read = LongReports(left_s=0.0), Reading()
    file = threading.Thread(target=lambda: reports.report(KEY, read, patience_s=60.0))
    file.start()
    read.told.wait()
    has_left = read.has_left.wait(0.3)
    read.may_end.set()
    file.join()

    assert not has_left


def test_why_there_is_no_report_reaches_the_page() -> None:
    def fail(_: Tell) -> pb.Report:
        raise Unreachable("no Fairlift server answers")

    with pytest.raises(Unreachable, match="no Fairlift server answers"):
        LongReports().report(KEY, fail, patience_s=60.0)
