"""Messages to a webhook of Slack: each change once, whatever the webhook does, and no secret."""

from typing import Any

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.notify import slack_webhook

from tests.cli.notify.conftest import SECRET, Notify, Receiver


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
