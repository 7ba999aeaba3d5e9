"""Recognises bots: they get the control and are left out of the analysis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from fairlift.engine.attribute_values import attribute_value
from fairlift.engine.matching import PlainAttributes

_CACHED_AGENTS = 4_096


@dataclass(frozen=True, slots=True)
class BotRules:
    """A visitor is a bot if `is_bot` is true, or if its `user_agent` contains a fragment.

    Fragments are lower-case. Names in `innocent` are removed from the user agent first, such as the
    phone maker Cubot. Replace the list with `BotRules(fragments=…)`, or switch it off with `()`.
    """

    fragments: tuple[str, ...] = (
        "bot",
        "crawl",
        "spider",
        "slurp",
        "facebookexternalhit",
        "headlesschrome",
        "phantomjs",
        "lighthouse",
        "pingdom",
        "uptime",
        "site24x7",
        "bingpreview",
        "mediapartners",
        "feedfetcher",
        "curl/",
        "wget/",
        "python-requests",
        "python-urllib",
        "aiohttp",
        "go-http-client",
        "scrapy",
        "java/",
        "libwww",
    )
    innocent: tuple[str, ...] = ("cubot",)

    def names(self, user_agent: str) -> bool:
        """Whether the user agent is a bot's.

        >>> BotRules().names("Mozilla/5.0 (compatible; Googlebot/2.1)")
        True
        >>> BotRules().names("Mozilla/5.0 (Linux; Android 11; CUBOT X50)")
        False
        """
        agent = user_agent.lower()
        for name in self.innocent:
            agent = agent.replace(name, "")
        return any(fragment in agent for fragment in self.fragments)

    def matcher(self) -> Callable[[PlainAttributes], bool]:
        """A function that tells whether a visitor is a bot; it caches recent user agents."""
        names = lru_cache(_CACHED_AGENTS)(self.names)

        def is_bot(attributes: PlainAttributes) -> bool:
            if attribute_value(attributes.get("is_bot")) is True:
                return True
            agent = attribute_value(attributes.get("user_agent"))
            return isinstance(agent, str) and names(agent)

        return is_bot
