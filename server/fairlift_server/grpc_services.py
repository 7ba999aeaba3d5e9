"""Connects the gRPC services with the parts that do their work."""

import secrets
from typing import TYPE_CHECKING

from fairlift_server.api.assignments import AssignmentApi
from fairlift_server.api.campaigns import CampaignApi
from fairlift_server.api.events import EventApi
from fairlift_server.api.later_results import LaterResultsApi
from fairlift_server.api.sender_checks import SenderChecks
from fairlift_server.api.server import Services
from fairlift_server.campaigns.lifecycle import CampaignLifecycle
from fairlift_server.first_use import OnFirstUse
from fairlift_server.server_parts import ServerParts

if TYPE_CHECKING:
    from fairlift_server.api.results import ResultsApi
    from fairlift_server.results_parts import ResultsParts


def services_of(parts: ServerParts, results: "OnFirstUse[ResultsParts]") -> Services:
    """The services of one server; the one of results is loaded with its first call."""
    settings, rights = parts.settings, parts.rights
    campaigns = CampaignLifecycle(
        parts.store,
        parts.live,
        currency=settings.currency,
        now=parts.clock,
        random_text=random_text,
    )

    async def results_api() -> "ResultsApi":
        return (await results.get()).api

    return Services(
        rights.service(parts.units, parts.page_tokens),
        AssignmentApi(
            parts.live,
            rights.policy,
            keep_alive_s=settings.keep_alive_s,
            environment=settings.environment,
        ),
        CampaignApi(campaigns, parts.page_tokens, rights.authors),
        EventApi(
            parts.ingest,
            parts.live,
            parts.clocks,
            SenderChecks(
                rights.tokens,
                rights.policy,
                parts.clock,
                None if parts.metrics is None else parts.metrics.exposures_without_token,
            ),
            rules=parts.event_rules,
            stored=parts.ids.stored,
            now=parts.clock,
            catch_up=parts.others.catch_up,
            count=None if parts.metrics is None else parts.metrics.events,
        ),
        LaterResultsApi(results_api),
    )


def results_on_first_use(parts: ServerParts) -> "OnFirstUse[ResultsParts]":
    """What gives results; its mathematics would be most of a start, and of a quiet server."""

    def make() -> "ResultsParts":
        from fairlift_server.results_parts import results_parts

        return results_parts(parts)

    return OnFirstUse("fairlift_server.results_parts", make)


def random_text() -> str:
    """128 random bits as hex digits, for salts and etags."""
    return secrets.token_hex(16)
