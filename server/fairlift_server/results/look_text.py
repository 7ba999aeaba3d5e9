"""The text that the store keeps of a look or a line, read without the mathematics."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookDay:
    """The day of a look.

    Attributes:
        number: of the campaign's day, from 1.
        is_closing: no look comes after it.
    """

    number: int
    is_closing: bool


def stored_text(content: str, content_hash: str) -> str:
    """What the store keeps: the content, and the hash that chains it to the one before."""
    return json.dumps({"hash": content_hash, "content": content}, ensure_ascii=False)


def content_and_hash(text: str) -> tuple[str, str] | None:
    """What `stored_text` wrote; None: the text is something else."""
    try:
        read = json.loads(text)
        return str(read["content"]), str(read["hash"])
    except (ValueError, KeyError, TypeError):
        return None


def look_day(text: str) -> LookDay | None:
    """The day of the look that the store keeps as this text; None: it was edited."""
    stored = content_and_hash(text)
    if stored is None:
        return None
    try:
        look = json.loads(stored[0])["look"]
        return LookDay(int(look["day"]), look["closing"] is not None)
    except (ValueError, KeyError, TypeError):
        return None
