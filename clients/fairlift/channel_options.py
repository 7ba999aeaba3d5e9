"""The gRPC channel arguments of the SDK."""

import json
from typing import TypeAlias

Options: TypeAlias = tuple[tuple[str, int | str], ...]

_MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024
DEFAULT_OPTIONS: Options = (
    ("grpc.primary_user_agent", "fairlift-python"),
    ("grpc.max_receive_message_length", _MAX_SNAPSHOT_BYTES),
    # Detects a frozen server or a dropped connection in 35 s, also on a silent stream.
    ("grpc.keepalive_time_ms", 25_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Its default of one minute would override the timeout above.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The least that gRPC takes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    # A forked child must not share pooled connections with its parent.
    ("grpc.use_local_subchannel_pool", 1),
)
# Keeps a connection to every address of the name, and repeats a call on another one when a server
# ends: with several servers behind one name, restarts cost no answer. A server that stops cancels
# calls that it has not begun, so CANCELLED is repeated too; an assignment has no side effects.
# The repeats outlast the pause before a second connection: where the caller has the time, one
# connection that is reset costs no answer either.
BALANCING_OPTIONS: Options = (
    (
        "grpc.service_config",
        json.dumps(
            {
                "loadBalancingConfig": [{"round_robin": {}}],
                "methodConfig": [
                    {
                        "name": [
                            {
                                "service": "fairlift.v1.AssignmentService",
                                "method": "AssignVariants",
                            }
                        ],
                        "retryPolicy": {
                            "maxAttempts": 5,
                            "initialBackoff": "0.005s",
                            "maxBackoff": "0.15s",
                            "backoffMultiplier": 3,
                            "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                        },
                    }
                ],
                # A budget: after fifty failures in a row, one repeat for ten answers.
                "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
            }
        ),
    ),
    # A server that is back takes its share within a second.
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
