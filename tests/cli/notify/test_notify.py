"""`fairlift notify`: each change of a verdict is told once, whatever happens on the way."""

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.__main__ import main
from fairlift_cli.notify import slack_webhook
from fairlift_cli.notify.sent_file import only_run, sent_path

from tests.canned_server import CannedServer
from tests.cli.reports import report
from tests.cli.web.conftest import summary_of

SECRET = "T000/B000/s3cret"


@pytest.fixture(scope="module")
def shop() -> Iterator[CannedServer]:
    server = CannedServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def canned(shop: CannedServer) -> CannedServer:
    shop.clear()
    return shop


class Notify:
    """The command with one state file, and campaigns whose verdicts a test sets."""

    def __init__(self, canned: CannedServer, state: Path) -> None:
        self.state = state
        self._canned = canned

    def __call__(self, *words: str) -> Result:
        command = ["notify", "--server", self._canned.address, "--state", str(self.state), *words]
        return CliRunner(env={"FAIRLIFT_SLACK_WEBHOOK": ""}).invoke(main, command)

    def verdict(
        self, campaign: str, kind: pb.VerdictKind.ValueType, *, name: str = "", epoch: int = 1,
        cause: pb.VerdictCause.ValueType = pb.VERDICT_CAUSE_UNSPECIFIED, variant: str = "free",
        sentence: str = "Free is better.",
    ) -> None:  # fmt: skip
        sent = report()
        sent.campaign, sent.display_name = f"campaigns/{campaign}", name or campaign.title()
        sent.epoch = epoch
        sent.verdict.kind, sent.verdict.cause, sent.verdict.variant = kind, cause, variant
        sent.verdict.sentence = sentence
        self._canned.publish(sent, summary_of(sent))


@pytest.fixture
def notify(canned: CannedServer, tmp_path: Path) -> Notify:
    """After a first run with one campaign that keeps going."""
    found = Notify(canned, tmp_path / "told.json")
    found.verdict("spring", pb.VERDICT_KIND_KEEP_GOING)
    assert found("--stdout").exit_code == 0
    return found


def test_the_first_run_records_and_tells_nothing(canned: CannedServer, tmp_path: Path) -> None:
    notify = Notify(canned, tmp_path / "new" / "told.json")
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)

    run = notify("--stdout")

    assert (run.exit_code, run.stdout) == (0, "")
    assert "1 verdict is recorded" in run.stderr
    assert notify("--stdout").output == ""


def test_a_change_is_told_once_in_one_line(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)

    first = notify("--stdout", "--base-url", "https://results.shop.example/")

    assert first.stdout.splitlines() == [
        "Spring: KEEP GOING → SHIP IT. Free is better. "
        "https://results.shop.example/campaigns/spring"
    ]
    assert notify("--stdout").output == ""


def test_it_speaks_the_language(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)

    # As docs/glossary.md has it.
    assert "SEGUIR → LANZAR" in notify("--stdout", "--language", "es").stdout


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_CAUSE_RUNNING),
        (pb.VERDICT_KIND_DO_NOT_TRUST, pb.VERDICT_CAUSE_DAYS),
        (pb.VERDICT_KIND_DO_NOT_TRUST, pb.VERDICT_CAUSE_FEW),
        (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_CAUSE_STOPPED),
        (pb.VERDICT_KIND_UNSPECIFIED, pb.VERDICT_CAUSE_UNSPECIFIED),
    ],
)
def test_where_there_is_nothing_to_do_but_wait_nothing_is_told(
    notify: Notify, kind: pb.VerdictKind.ValueType, cause: pb.VerdictCause.ValueType
) -> None:
    notify.verdict("spring", kind, cause=cause)
    notify.verdict("new", kind, cause=cause)

    assert notify("--stdout").output == ""


def test_a_broken_split_and_its_end_are_both_news(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_DO_NOT_TRUST, cause=pb.VERDICT_CAUSE_SPLIT)
    assert "KEEP GOING → DO NOT TRUST THE DATA" in notify("--stdout").stdout

    notify.verdict("spring", pb.VERDICT_KIND_KEEP_GOING)
    assert "DO NOT TRUST THE DATA → KEEP GOING" in notify("--stdout").stdout


def test_another_winner_a_new_campaign_and_a_new_epoch_are_news(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    notify("--stdout")

    notify.verdict("spring", pb.VERDICT_KIND_SHIP, variant="gift")
    notify.verdict("summer", pb.VERDICT_KIND_STOP_HARM)
    lines = notify("--stdout").stdout.splitlines()
    assert lines == [
        "Spring: SHIP IT → SHIP IT. Free is better.",
        "Summer: STOP: HARM. Free is better.",
    ]

    notify.verdict("summer", pb.VERDICT_KIND_KEEP_GOING, epoch=2)
    assert notify("--stdout").stdout == ""
    notify.verdict("summer", pb.VERDICT_KIND_STOP_HARM, epoch=2)
    assert notify("--stdout").stdout == "Summer: KEEP GOING → STOP: HARM. Free is better.\n"


def test_names_from_outside_stay_in_their_line(notify: Notify) -> None:
    name = 'x"><script>\nOther: SHIP IT\x1b[31m\u202e' + "y" * 300
    notify.verdict("spring", pb.VERDICT_KIND_SHIP, name=name, sentence="a\nb\x07c")

    (line,) = notify("--stdout").stdout.splitlines()

    assert not any(sign in line for sign in "\x1b\x07\u202e")
    assert "…: KEEP GOING → SHIP IT. a b c" in line


class Receiver:
    """A webhook on this machine: what it got, and how it answers."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        self.drips = False  # a byte now and then, which ends never
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.drips:
                    for _ in range(100):
                        self.wfile.write(b"H")
                        receiver.hold.wait(0.05)
                        time.sleep(0.05)
                    return
                if not receiver.hold.is_set():
                    receiver.hold.wait(10)
                    return
                status = receiver.status
                if status == 200:
                    receiver.got.append(body)
                    receiver.headers.append(dict(self.headers))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.hold.set()
    found.server.shutdown()
    found.server.server_close()


def texts(message: dict[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in message["blocks"]]


def test_slack_gets_one_message_with_a_line_a_campaign(notify: Notify, receiver: Receiver) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP, name="Free & <!channel> *bold*")
    notify.verdict("summer", pb.VERDICT_KIND_STOP_HARM)

    run = notify("--slack-webhook", receiver.url, "--base-url", "https://r.example")

    assert (run.exit_code, run.output) == (0, "")
    (message,) = receiver.got
    heading, spring, summer = texts(message)
    assert heading == "*Verdicts that changed*"
    assert "&amp; &lt;!channel&gt;" in spring
    assert "<!" not in spring
    assert spring.endswith(
        "KEEP GOING → SHIP IT. Free is better. <https://r.example/campaigns/spring>"
    )
    assert summer.startswith("*Summer*: STOP: HARM")
    assert notify("--slack-webhook", receiver.url).exit_code == 0
    assert len(receiver.got) == 1


def test_a_webhook_that_times_out_gets_it_the_next_time_and_once(
    notify: Notify, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_webhook, "_TIMEOUT_S", 0.2)
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    receiver.hold.clear()

    late = notify("--slack-webhook", receiver.url)
    receiver.hold.set()

    assert late.exit_code == 2
    assert "the webhook at 127.0.0.1 did not answer within 0.2 s" in late.stderr
    assert SECRET not in late.output
    assert notify("--slack-webhook", receiver.url).exit_code == 0
    assert notify("--slack-webhook", receiver.url).exit_code == 0
    assert ["SHIP IT" in texts(message)[1] for message in receiver.got] == [True]


def test_a_webhook_that_answers_drop_by_drop_is_late(
    notify: Notify, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_webhook, "_TIMEOUT_S", 0.3)
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    receiver.drips = True

    run = notify("--slack-webhook", receiver.url)

    assert run.exit_code == 2
    assert "did not answer within 0.3 s" in run.stderr


@pytest.mark.parametrize(
    ("status", "code"), [(500, 2), (503, 2), (429, 2), (403, 1), (404, 1), (302, 1)]
)
def test_a_webhook_that_refuses_loses_nothing(
    notify: Notify, receiver: Receiver, status: int, code: int
) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    receiver.status = status

    run = notify("--slack-webhook", receiver.url)

    assert run.exit_code == code
    assert f"HTTP {status}" in run.stderr
    assert SECRET not in run.output
    receiver.status = 200
    assert notify("--slack-webhook", receiver.url).exit_code == 0
    assert len(receiver.got) == 1


def test_a_webhook_that_is_not_there_is_named_without_its_secret(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)

    run = notify("--slack-webhook", f"http://127.0.0.1:1/services/{SECRET}")

    assert run.exit_code == 2
    assert "cannot be reached" in run.stderr
    assert SECRET not in run.output


def test_many_changes_are_several_messages_and_none_is_repeated(
    notify: Notify, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(90):
        notify.verdict(f"c-{number:02}", pb.VERDICT_KIND_STOP_HARM)
    sent = slack_webhook.send_lines
    calls: list[int] = []

    def fails_at_the_second(url: str, heading: str, lines: list[str]) -> None:
        calls.append(len(lines))
        if len(calls) == 2:
            receiver.status = 503
        sent(url, heading, lines)

    monkeypatch.setattr("fairlift_cli.notify.notify_command.send_lines", fails_at_the_second)
    assert notify("--slack-webhook", receiver.url).exit_code == 2
    receiver.status = 200
    assert notify("--slack-webhook", receiver.url).exit_code == 0

    told = [line for message in receiver.got for line in texts(message)[1:]]
    assert len(told) == len(set(told)) == 90
    assert all(len(message["blocks"]) <= 50 for message in receiver.got)


def test_a_message_keeps_to_what_slack_takes(notify: Notify, receiver: Receiver) -> None:
    """Documented: 50 blocks, 3,000 characters in each; seen: 13,000 in all of them."""
    for number in range(30):
        notify.verdict(f"c-{number:02}", pb.VERDICT_KIND_SHIP, name="<&>" * 25 + f" {number}")

    assert notify("--slack-webhook", receiver.url).exit_code == 0

    told = [line for message in receiver.got for line in texts(message)[1:]]
    assert len(told) == len(set(told)) == 30
    assert 2 <= len(receiver.got) < 10
    for message in receiver.got:
        assert set(message) == {"text", "unfurl_links", "blocks"}
        assert len(message["blocks"]) <= 50
        assert sum(map(len, texts(message))) < 13_000
        for block in message["blocks"]:
            assert set(block) == {"type", "text"}
            assert (block["type"], block["text"]["type"]) == ("section", "mrkdwn")
            assert 0 < len(block["text"]["text"]) <= 3_000


@pytest.mark.parametrize(
    "url", ["hooks.slack.com/services/s3cret", "http://hooks.example/s3cret", "ftp://x/s3cret",
            "https://", "javascript:alert(1)", "http://[::1/s3cret"],
)  # fmt: skip
def test_what_is_no_webhook_is_refused_and_not_shown(notify: Notify, url: str) -> None:
    run = notify("--slack-webhook", url)

    assert run.exit_code == 2
    assert "--slack-webhook: must be like" in run.stderr
    assert "s3cret" not in run.output


def test_no_receiver_is_refused(notify: Notify) -> None:
    run = notify()

    assert run.exit_code == 2
    assert "--stdout or --slack-webhook" in run.stderr


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"form": 2, "told": {}}', '{"form": 1, "told": [1]}',
                '{"form": 1, "told": {"x": {"epoch": "y"}}}', "\x00", "[" * 100_000,
                '{"form": 1, "told": {"x": {"epoch": 1e400, "name": "", "variant": ""}}}'],
)  # fmt: skip
def test_a_file_that_is_none_is_named_and_left(notify: Notify, content: str) -> None:
    notify.state.write_text(content, encoding="utf-8")

    run = notify("--stdout")

    assert run.exit_code == 2
    assert str(notify.state) in run.stderr
    assert "--state" in run.stderr
    assert notify.state.read_text(encoding="utf-8") == content


def test_what_a_newer_version_told_is_told_anew(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    content = json.loads(notify.state.read_text(encoding="utf-8"))
    content["told"]["spring"]["name"] = "of_a_later_version"
    notify.state.write_text(json.dumps(content), encoding="utf-8")

    run = notify("--stdout")

    assert run.exit_code == 0
    assert "SHIP IT" in run.stdout


def test_two_runs_at_once_do_not_tell_the_same(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    with only_run(notify.state):
        run = notify("--stdout")

    assert run.exit_code == 2
    assert "another `fairlift notify` uses this file" in run.stderr
    assert "SHIP IT" in notify("--stdout").stdout


def test_a_server_that_is_away_loses_nothing(notify: Notify, canned: CannedServer) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    canned.stop()
    try:
        assert notify("--stdout").exit_code == 2
    finally:
        canned.start()

    assert "SHIP IT" in notify("--stdout").stdout


def test_the_file_holds_no_name_and_is_the_owners(notify: Notify) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP, sentence="+12 % for anna@shop.example")
    notify("--stdout")

    assert stat.S_IMODE(notify.state.stat().st_mode) == 0o600
    assert json.loads(notify.state.read_text()) == {
        "form": 1, "told": {"spring": {"epoch": 1, "name": "ship", "variant": "free"}},
    }  # fmt: skip


def test_each_server_and_receiver_has_a_file_that_names_neither(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    paths = {sent_path("a:1", "stdout"), sent_path("a:1", SECRET), sent_path("b:1", SECRET)}

    assert len(paths) == 3
    assert {path.parent for path in paths} == {tmp_path / "fairlift"}
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sent_path("a:1", "stdout").is_relative_to(tmp_path / ".local")
    assert os.sep + "fairlift" + os.sep in str(sent_path("a:1", "stdout"))


def test_a_folder_that_cannot_be_written_is_named(canned: CannedServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    run = Notify(canned, tmp_path / "file" / "told.json")("--stdout")

    assert run.exit_code == 2
    assert str(tmp_path / "file") in run.stderr


@pytest.mark.parametrize("name", ["Envío gratis", '"><script>\u202e' + "x" * 300])
def test_a_picture_is_written_beside(notify: Notify, tmp_path: Path, name: str) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP, name=name)
    folder = tmp_path / "pictures" / "today"

    run = notify("--stdout", "--pictures", str(folder))

    path = folder / "spring.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    assert run.stdout.endswith(f" {path}\n")


def test_a_campaign_without_figures_has_a_picture_of_words() -> None:
    from fairlift_cli.notify.pictures import verdict_png
    from fairlift_cli.report import campaign_view

    sent = pb.Report(campaign="campaigns/spring")
    sent.verdict.kind, sent.verdict.sentence = pb.VERDICT_KIND_DO_NOT_TRUST, "No visitor came."

    assert verdict_png(campaign_view(sent, language="en")).startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_keeps_the_change(notify: Notify, tmp_path: Path) -> None:
    notify.verdict("spring", pb.VERDICT_KIND_SHIP)
    (tmp_path / "file").write_text("", encoding="utf-8")

    run = notify("--stdout", "--pictures", str(tmp_path / "file" / "below"))

    assert run.exit_code == 2
    assert str(tmp_path / "file") in run.stderr
    assert "SHIP IT" in notify("--stdout").stdout


def test_a_server_does_not_choose_where_a_picture_is_written(
    notify: Notify, tmp_path: Path
) -> None:
    notify.verdict("../outside", pb.VERDICT_KIND_SHIP)

    run = notify("--stdout", "--pictures", str(tmp_path / "pictures"))

    assert run.exit_code == 1
    assert "is no campaign id" in run.stderr
    assert not (tmp_path / "outside.png").exists()


@pytest.mark.parametrize("sign", ["a", "&", "*", "🛒"])
@pytest.mark.parametrize(("names", "texts"), [(9, 4_000), (4_000, 9), (4_000, 4_000)])
def test_a_line_too_long_for_slack_keeps_its_link(sign: str, names: int, texts: int) -> None:
    """Slack takes 3,000 signs a section; a sign that is escaped is whole or absent."""
    link = "https://r.example/campaigns/free-shipping"
    one = slack_webhook.escaped(sign)

    line = slack_webhook.slack_line(sign * names, sign * texts, link)

    assert 2_800 < len(line) < 3_000
    assert line.endswith(f" <{link}>")
    assert line.removesuffix(f" <{link}>").replace(one, "") == "**: "
