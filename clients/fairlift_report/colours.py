"""The colours of pages and pictures, by the name that styles and pictures call them."""

from collections.abc import Mapping
from typing import Final

__all__ = ["DARK", "LIGHT", "PAPER", "declarations"]

LIGHT: Final[Mapping[str, str]] = {
    "page": "#f5f6f8",
    "card": "#fff",
    "ink": "#18212d",
    "muted": "#566173",
    "line": "#e2e6ec",
    "accent": "#2557c7",
    "zero": "#3a4554",
    "effect": "#8a5a00",
    "good": "#0a7447",
    "bad": "#b3261e",
    "careful": "#8a5a00",
    "calm": "#2557c7",
    "good-tint": "#e9f6ef",
    "bad-tint": "#fdeeec",
    "careful-tint": "#fdf4e1",
    "calm-tint": "#ecf1fd",
    "on-tone": "#fff",
}
DARK: Final[Mapping[str, str]] = {
    "page": "#0e1217",
    "card": "#171c24",
    "ink": "#e7ebf1",
    "muted": "#a3aebd",
    "line": "#2c3440",
    "accent": "#8ab0ff",
    "zero": "#b4bdca",
    "effect": "#e6b95c",
    "good": "#55c894",
    "bad": "#ff9488",
    "careful": "#e6b95c",
    "calm": "#8ab0ff",
    "good-tint": "#12291f",
    "bad-tint": "#33191a",
    "careful-tint": "#2d2413",
    "calm-tint": "#18243d",
    "on-tone": "#0e1217",
}
# White, with more ink: paper is lit from without.
PAPER: Final[Mapping[str, str]] = {**LIGHT, "page": "#fff", "muted": "#4c5666", "line": "#d9dee5"}


def declarations(colours: Mapping[str, str]) -> str:
    """The colours as CSS declares them.

    >>> declarations({"ink": "#18212d"})
    '--ink: #18212d;'
    """
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
