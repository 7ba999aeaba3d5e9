"""Text from outside as a page shows it: signs that hide or reorder text are seen, not obeyed."""

import re
import unicodedata

__all__ = ["visible"]

# Controls but for the blank; signs that reorder or hide text, or look like a blank; halves of
# signs; noncharacters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
_BLANKS = "\t\n\r\x0b\x0c"


def visible(text: str) -> str:
    r"""The text with each hidden sign written as its code; line breaks and tabs are blanks.

    A zero-width joiner stays within an emoji, where nothing else can be meant.

    >>> visible("free\u202egpj.exe")
    'free[U+202E]gpj.exe'
    """
    return _HIDDEN.sub(_seen, text)


def _seen(match: re.Match[str]) -> str:
    sign, text = match.group(), match.string
    if sign in _BLANKS:
        return " "
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if sign == "\u200d" and _is_emoji(before) and _is_emoji(after):
        return sign
    return f"[U+{ord(sign):04X}]"


def _is_emoji(sign: str) -> bool:
    # Symbols, their variation selector, and the modifiers of skin.
    return sign != "" and (unicodedata.category(sign) in ("So", "Sk") or sign == "\ufe0f")
