"""The reader's language and colours: from the address, a cookie, or the browser."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fairlift_stats.locale import LANGUAGES
from starlette.requests import Request
from starlette.responses import Response

THEMES: Final = ("auto", "light", "dark")
_YEAR_S: Final = 365 * 86_400
_WANTED: Final = re.compile(
    r"(?P<language>[a-z]+)(-[a-z0-9-]+)?(\s*;\s*q=(?P<weight>[01](\.[0-9]{0,3})?))?"
)
_CHOICES: Final = {"language": LANGUAGES, "theme": THEMES}


@dataclass(frozen=True, slots=True)
class PagePreferences:
    """How a page is shown.

    Attributes:
        language: en, es or ro.
        theme: light or dark; auto as the device has it.
    """

    language: str
    theme: str


def preferences_of(request: Request) -> PagePreferences:
    """What the address names, else what was chosen before, else what the browser prefers."""
    return PagePreferences(
        _chosen(request, "language") or _preferred_language(request),
        _chosen(request, "theme") or "auto",
    )


def remember(request: Request, response: Response) -> None:
    """Keeps what the address names for the next page; no script can read it."""
    for name, choices in _CHOICES.items():
        if (value := request.query_params.get(name)) in choices:
            response.set_cookie(
                f"fairlift_{name}", str(value), max_age=_YEAR_S, httponly=True, samesite="lax"
            )


def switched(request: Request, name: str, value: str) -> str:
    """The address of the same page with another language or other colours."""
    others = [(key, text) for key, text in request.query_params.multi_items() if key != name]
    return "?" + urlencode([*others, (name, value)])


def _chosen(request: Request, name: str) -> str:
    for value in (request.query_params.get(name), request.cookies.get(f"fairlift_{name}")):
        if value in _CHOICES[name]:
            return str(value)
    return ""


def _preferred_language(request: Request) -> str:
    """The one of ours with the highest weight (RFC 9110, 12.5.4); of equals the first."""
    weights: dict[str, float] = {}
    for part in request.headers.get("accept-language", "").split(","):
        named = _WANTED.fullmatch(part.strip().lower())
        if named and named["language"] in LANGUAGES:
            weight = float(named["weight"] or 1)
            weights[named["language"]] = max(weight, weights.get(named["language"], 0.0))
    best = max(weights, key=weights.__getitem__, default=LANGUAGES[0])
    # A weight of 0 says: not this one.
    return best if weights.get(best) else LANGUAGES[0]
