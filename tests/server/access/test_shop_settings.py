"""Limits that administrators set: within their rules, kept with all others, and in the history."""

import math
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as pb

from tests.server.client import Caller, details, running


async def updated(caller: Caller, settings: pb.Settings) -> pb.Settings:
    return await caller.admin.UpdateSettings(pb.UpdateSettingsRequest(settings=settings))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (pb.Settings(exposure_tokens=9), "settings.exposure_tokens"),  # type: ignore[arg-type]
        (pb.Settings(largest_order_micros=0), "settings.largest_order_micros"),
        (pb.Settings(largest_order_micros=10**17 + 1), "settings.largest_order_micros"),
        (pb.Settings(largest_action_values={"No": 1}), "settings.largest_action_values"),
        (pb.Settings(largest_action_values={"a": -1}), "settings.largest_action_values[a]"),
        (pb.Settings(largest_action_values={"a": math.nan}), "settings.largest_action_values[a]"),
        (pb.Settings(largest_action_values={"a": math.inf}), "settings.largest_action_values[a]"),
        (
            pb.Settings(largest_action_values={f"a{n}": 1 for n in range(101)}),
            "settings.largest_action_values",
        ),
    ],
)
async def test_a_limit_that_is_none_is_refused_by_field(
    caller: Caller, settings: pb.Settings, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await updated(caller, settings)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [each.field for each in details(caught.value)[1].field_violations] == [field]


async def test_all_settings_are_kept_and_what_is_absent_returns_to_its_default(
    tmp_path: Path,
) -> None:
    wanted = pb.Settings(
        retention_days=90,
        exposure_tokens=pb.EXPOSURE_TOKEN_USE_REQUIRED,
        largest_order_micros=5_000_000,
        largest_action_values={"nps": 10, "rated": 0},
    )
    async with running(tmp_path) as caller:
        first = await updated(caller, wanted)
        same = await updated(caller, wanted)
    async with running(tmp_path) as caller:
        kept = await caller.admin.GetSettings(pb.GetSettingsRequest())
        last = await updated(caller, pb.Settings(largest_order_micros=5_000_000))
        history = await caller.admin.ListAudit(pb.ListAuditRequest(resource="settings"))

    assert first == same == kept
    for name in ("retention_days", "exposure_tokens", "largest_order_micros"):
        assert getattr(kept, name) == getattr(wanted, name)
    assert kept.largest_action_values == wanted.largest_action_values
    assert {field.name for field, _ in last.ListFields()} == {
        "etag", "currency_code", "largest_order_micros",
    }  # fmt: skip
    changed = [[field.field for field in change.changes] for change in history.changes]
    assert changed == [
        [
            "retention_days", "exposure_tokens", "largest_order_micros",
            "largest_action_values", "exposure_key",
        ],
        ["retention_days", "exposure_tokens", "largest_action_values"],
    ]  # fmt: skip
    # No key in it, and none in what is read.
    assert history.changes[0].changes[-1].after == "a new one"
