"""Makes text from outside safe for a terminal."""

import re

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, …: titles, clipboard
    r"|\x1b[ -/]*[0-~]?"
)
# C0 and C1 controls, and the signs that reorder or hide text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")


def clean(text: str) -> str:
    r"""The text on one line without escape sequences, controls and reordering signs.

    >>> clean("red\x1b[31m alert\nnext\u202e")
    'red alert next'
    """
    return _CONTROL.sub(" ", _SEQUENCE.sub("", text)).strip()
