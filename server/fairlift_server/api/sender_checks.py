"""Checks events by who sends them, and exposures by their tokens (decision 48)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.access.exposure_tokens import ExposureTokens
from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.access.roles import Role
from fairlift_server.access.shop_policy import ShopPolicy
from fairlift_server.api.bearer import bearer_token
from fairlift_server.events.ledger import RefusalReason, RefusedEvent

# What browsers may say through a relay: it carries no money and joins no ids.
_RELAYED = frozenset({"exposure", "action"})
_CAMPAIGNS = "campaigns/"
Metadata = Iterable[tuple[str, Any]]  # Any: text, or bytes under binary keys
_NONE: Mapping[int, RefusedEvent] = MappingProxyType({})


class SenderChecks:
    """Refuses events that their sender may not send, and exposures without their token.

    Args:
        tokens: tell the roles of senders.
        policy: whether exposures need tokens.
        now: the server's clock.
        count: is told of exposures that are taken now, and would be refused if the tokens that are
            issued were required.
    """

    def __init__(
        self,
        tokens: LiveTokens,
        policy: ShopPolicy,
        now: Callable[[], datetime],
        count: Callable[[int], None] | None = None,
    ) -> None:
        self._count = count
        self._tokens = tokens
        self._policy = policy
        self._now = now

    def is_relay(self, metadata: Metadata) -> bool:
        """Whether a sender passes on what browsers say; one whose token has ended may do so."""
        if not self._tokens.has_relays:
            return False
        grant = self._tokens.grant(bearer_token(metadata))
        return grant is None or grant.role is Role.RELAY

    def refused(
        self,
        request: pb.RecordEventsRequest | pb.StreamEventsRequest,
        metadata: Metadata,
    ) -> Mapping[int, RefusedEvent]:
        """Those that are refused, by position; the ids in the events are as they came."""
        is_required = self._policy.required_tokens is not None
        signer = self._policy.issued_tokens if is_required or self._count is not None else None
        if signer is None and not self._tokens.has_relays:
            return _NONE
        grant = self._tokens.grant(bearer_token(metadata))
        # One whose token has ended since its call began is trusted with nothing.
        role = Role.RELAY if grant is None else grant.role
        now_s = self._now().timestamp()
        # What the sender's clock lacks, if it says what it shows.
        sent = request.sent_time if request.HasField("sent_time") else None
        behind_s = 0.0 if sent is None else now_s - sent.seconds
        refused: dict[int, RefusedEvent] = {}
        without = 0
        for index, event in enumerate(request.events):
            kind = event.WhichOneof("kind")
            refusal = None
            if role is Role.RELAY and kind is not None and kind not in _RELAYED:
                refusal = _not_of_a_relay(kind)
            elif kind == "exposure" and signer is not None:
                time_s = event.event_time.seconds + behind_s
                refusal = _without_token(event.exposure, signer, role, now_s, time_s)
                if refusal is not None and not is_required:
                    refusal, without = None, without + 1
            if refusal is not None:
                refused[index] = refusal
        if without and self._count is not None:
            self._count(without)
        return refused


def _not_of_a_relay(kind: str) -> RefusedEvent:
    text = (
        "comes with a token of the role relay, which may send exposures and actions; the shop's "
        "backend sends this with a token of the role storefront"
    )
    return RefusedEvent(RefusalReason.SENDER, text, kind)


def _without_token(
    exposure: pb.Exposure, signer: ExposureTokens, role: Role, now_s: float, time_s: float
) -> RefusedEvent | None:
    token = exposure.exposure_token
    # A backend that decides by itself has no token, and is trusted; one that it passes on is
    # checked all the same.
    if not token and role is Role.STOREFRONT:
        return None
    campaign = exposure.campaign.removeprefix(_CAMPAIGNS)
    problem = signer.problem(
        token,
        exposure.unit_id,
        campaign,
        exposure.epoch,
        exposure.variant,
        now_s=now_s,
        time_s=time_s,
    )
    if not problem:
        return None
    return RefusedEvent(RefusalReason.EXPOSURE_TOKEN, problem, "exposure.exposure_token")
