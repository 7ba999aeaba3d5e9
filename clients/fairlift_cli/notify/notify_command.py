"""The `notify` command: reads all verdicts, tells those that changed, and remembers that."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from fairlift.wire.campaign import campaign_id

from fairlift_cli.all_results import all_reports
from fairlift_cli.figures import NO_VALUE, Figures
from fairlift_cli.notify.sent_file import only_run, read_sent, write_sent
from fairlift_cli.notify.slack_webhook import send_lines, slack_line
from fairlift_cli.notify.verdict_changes import (
    SentVerdict,
    VerdictChange,
    sent_verdict,
    verdict_changes,
)
from fairlift_cli.server_connection import ServerConnection
from fairlift_cli.text import clean

# Slack takes 50 blocks in a message, and of 13,000 characters in all of them it was seen to refuse
# one: https://github.com/slackapi/bolt-js/issues/2509.
_MOST_LINES = 40
_MOST_SIGNS = 10_000
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class NewsLine:
    """What is told of one campaign.

    Attributes:
        name: of the campaign, as people know it.
        text: the verdict before and now, in words, and the sentence.
        link: to its page; empty where the address of the pages is not known.
        picture: the path of a picture; empty where none was written.
    """

    name: str
    text: str
    link: str
    picture: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.name}: {self.text}", self.link, self.picture)))


News: TypeAlias = tuple[VerdictChange, NewsLine]


def tell_changes(
    server: ServerConnection, path: Path, figures: Figures, base_url: str,
    send: Callable[[Sequence[NewsLine]], None],
    picture: Callable[[VerdictChange], Path] | None = None,
) -> str:  # fmt: skip
    """Sends the changes since the last run; a sentence about the first run, which only records.

    Args:
        server: to read from.
        path: of the file that remembers.
        figures: of the reader's language.
        base_url: of the pages; empty when it is not known.
        send: sends one message; what it raises leaves the changes for the next run.
        picture: writes a picture of a campaign.

    Raises:
        Misused: the file at `path` is not usable.
        Unreachable, CommandRefused: as `ServerConnection.call` does.
    """
    with only_run(path):
        sent = read_sent(path)
        summaries = list(all_reports(server, language=figures.language))
        if sent is None:
            write_sent(path, {campaign_id(each.campaign): sent_verdict(each) for each in summaries})
            number = len(summaries)
            recorded = "1 verdict is" if number == 1 else f"{number} verdicts are"
            return f"{recorded} recorded in {path}; changes are told from the next run on"
        changes = verdict_changes(summaries, sent)
        news = [(change, news_line(change, figures, base_url)) for change in changes]
        for group in _groups(news):
            pictures = [str(picture(change)) if picture else "" for change, _ in group]
            lines = (line for _, line in group)
            send([replace(line, picture=each) for line, each in zip(lines, pictures, strict=True)])
            # After each message: a later one that fails does not repeat this one.
            sent |= {change.campaign: change.after for change, _ in group}
            write_sent(path, sent)
        # What is no news is remembered too: from it, the next change is told.
        now = {campaign_id(each.campaign): sent_verdict(each) for each in summaries}
        write_sent(path, sent | now)
    return ""


def news_line(change: VerdictChange, figures: Figures, base_url: str) -> NewsLine:
    """One line in the reader's language."""
    before, after = _word(figures, change.before), _word(figures, change.after) or NO_VALUE
    sentence = clean(change.summary.verdict.sentence)
    if before:
        text = figures.say("notify.changed", before=before, after=after, sentence=sentence)
    else:
        text = figures.say("notify.new", after=after, sentence=sentence)
    link = f"{base_url.rstrip('/')}/campaigns/{quote(change.campaign)}" if base_url else ""
    name = clean(change.summary.display_name) or change.campaign
    return NewsLine(_shortened(name), text.strip(), link)


def print_lines(lines: Sequence[NewsLine], say: Callable[[str], None]) -> None:
    """A line a campaign."""
    for line in lines:
        say(str(line))


def send_to_slack(lines: Sequence[NewsLine], webhook: str, heading: str) -> None:
    """One message, with a line a campaign."""
    send_lines(webhook, heading, [slack_line(line.name, line.text, line.link) for line in lines])


def _word(figures: Figures, verdict: SentVerdict | None) -> str:
    """The verdict in a word or two; empty where there is none."""
    return figures.say(f"kind.{verdict.name}") if verdict is not None and verdict.name else ""


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _groups(news: Sequence[News]) -> Iterator[Sequence[News]]:
    """As many as fit into one message, in their order."""
    group: list[News] = []
    signs = 0
    for each in news:
        line = each[1]
        room = len(slack_line(line.name, line.text, line.link))
        if group and (len(group) == _MOST_LINES or signs + room > _MOST_SIGNS):
            yield group
            group, signs = [], 0
        group.append(each)
        signs += room
    if group:
        yield group
