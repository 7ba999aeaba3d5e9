"""Pages behind an edge cache: one copy for each combination of variants, and true exposures.

The origin names in `Vary` one header that the edge fills from a small cookie; the edge never varies
by `Cookie` itself, which would make one copy for each visitor. A page from the cache never reaches
the origin, so it tells what it showed by a beacon, and only then is the exposure recorded.
"""

from collections.abc import Iterable, Mapping
from typing import TypedDict

from fairlift import Assignment, Client

HEADER = "X-Fairlift-Variants"
COOKIE = "fairlift_variants"


class CacheHeaders(TypedDict):
    """What the origin answers beside the page."""

    headers: dict[str, str]
    cookies: dict[str, str]


def cache_key(assignments: Iterable[Assignment]) -> str:
    """The same for all visitors who see the same page: its campaigns' variants and epochs.

    Only campaigns that this page shows belong in it: each further one multiplies the copies.
    """
    parts = {f"{assigned.campaign}.{assigned.epoch}={assigned.variant}" for assigned in assignments}
    return "&".join(sorted(parts))


def cached(assignments: Mapping[str, Assignment], *, seconds: int) -> CacheHeaders:
    """Headers for a page that may be shared by all who have these variants.

    The edge copies the cookie into the header before it looks for a copy. Its purge tags name the
    campaigns, so that a stopped one can be purged at once.
    """
    return {
        "headers": {
            "Cache-Control": f"public, s-maxage={seconds}, max-age=0",
            "Vary": HEADER,
            "Surrogate-Key": " ".join(sorted(assignments)),
        },
        "cookies": {COOKIE: cache_key(assignments.values())},
    }


def seen(client: Client, campaign: str, visitor: str, attributes: Mapping[str, object]) -> bool:
    """The beacon: the page was shown, so the exposure counts; True when that was news.

    The variant is decided again and not taken from the browser, which could say anything.
    """
    return client.expose(client.assign(campaign, visitor, attributes))
