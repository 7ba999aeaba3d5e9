"""What a storefront hands in, which must not be trusted: its types, and how it is made plain.

Compiled code checks its arguments before the first line runs, where no `try` can catch what that
raises. The build therefore looks away from this module, so that anything is let in there, to be
checked on the inside; people and type checkers read what is meant.
"""

from typing import TypeAlias

TextInput: TypeAlias = str
BoolInput: TypeAlias = bool


def plain(value: TextInput) -> str:
    """The same text as a str and no more: subclasses may hash, compare and measure as they like.

    Raises:
        TypeError: it is no text; what only behaves like one, such as a proxy, is none either.
    """
    return "".join([value])


def text_or_empty(value: object) -> str:
    """What was given, if it is a text; else an empty one."""
    try:
        return plain(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return ""
