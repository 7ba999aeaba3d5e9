"""`fairlift notify`: each change of a verdict is told once, whatever happens on the way."""

import json
import os
import stat
from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.notify.sent_file import only_run, sent_path

from tests.canned_server import CannedServer
from tests.cli.notify.conftest import SECRET, Notify


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
