"""Sends lines to a Slack channel by an incoming webhook, whose address is a secret."""

import hashlib
import http.client
import json
import threading
import urllib.error
import urllib.request
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlsplit

from fairlift_cli.failures import CommandRefused, Misused, Unreachable

_TIMEOUT_S: Final = 10.0
_LONGEST_LINE: Final = 2_900
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def check_webhook(url: str) -> None:
    """Refuses an address that cannot be one; never says it.

    Raises:
        Misused: it is no https address, or http to another machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise Misused(
            "--slack-webhook: must be like https://hooks.slack.com/services/…; "
            "what was given is not shown, because it may be a secret"
        )


def send_lines(url: str, heading: str, lines: Sequence[str]) -> None:
    """Sends one message; returns when the receiver has taken it.

    Args:
        url: of the webhook.
        heading: of the message.
        lines: in Slack's form, from `slack_line`.

    Raises:
        Unreachable: no answer, or a passing trouble: to be sent again.
        CommandRefused: the receiver does not take it.
    """
    sections = [f"*{escaped(heading)}*", *lines]
    message = {
        "text": "\n".join(sections),
        "unfurl_links": False,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": section}} for section in sections
        ],
    }
    body = json.dumps(message).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    # Slack ignores it; a receiver of one's own can leave out what came before its answer was lost.
    request.add_header("Idempotency-Key", hashlib.sha256(body).hexdigest()[:32])
    where = f"the webhook at {urlsplit(url).hostname}"
    try:
        _in_time(request)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 429 or error.code >= 500:
            raise Unreachable(f"{where} has trouble (HTTP {error.code}); {_LATER}") from None
        raise CommandRefused(
            f"{where} refuses the message (HTTP {error.code}); is the webhook still valid? {_LATER}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        is_late = isinstance(getattr(error, "reason", error), TimeoutError)
        what = f"did not answer within {_TIMEOUT_S:g} s" if is_late else "cannot be reached"
        raise Unreachable(f"{where} {what}; {_LATER}") from None


def _in_time(request: urllib.request.Request) -> None:
    """Sends it; the limit is of the call, not of each piece that the receiver sends.

    Raises:
        TimeoutError: there is no whole answer in time.
    """
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def send() -> None:
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S):
                ended.put(None)
        except BaseException as error:
            ended.put(error)

    threading.Thread(target=send, daemon=True).start()
    try:
        error = ended.get(timeout=_TIMEOUT_S)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error


def slack_line(name: str, text: str, link: str) -> str:
    """A line in Slack's form: the name in bold, then the text, then a link.

    Slack takes no longer one: then the text is cut, and after it the name, but never the link.
    """
    end = f" <{link}>" if link else ""
    name = _cut(name, _LONGEST_LINE - len(f"**: {end}"))
    start = f"*{escaped(name)}*: "
    return f"{start}{escaped(_cut(text, _LONGEST_LINE - len(start + end)))}{end}"


def _cut(text: str, room: int) -> str:
    """As much of the text as has room once it is escaped."""
    ends = list(accumulate(len(escaped(sign)) for sign in text))
    return text[: bisect_right(ends, room)]


def escaped(text: str) -> str:
    """The text as Slack shows it: no mention, no link, no formatting of its own.

    Slack knows three signs of HTML, and would show any other code as it is.
    """
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A word joiner between a sign and its word: the sign is shown and formats nothing.
    return "".join(f"\u2060{sign}\u2060" if sign in "*_~`" else sign for sign in plain)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follows none: the message would go where nobody named."""


_LATER: Final = "the changes are kept for the next run"
_OPENER: Final = urllib.request.build_opener(_NoRedirect)
