"""Every kind that the contract knows is read as itself, and not as a default."""

import pytest
from fairlift.v1 import plan_pb2
from fairlift.wire.plan import plan_from, plan_to
from google.protobuf.message import Message


def set_kind(message: Message, kind: str) -> None:
    """Chooses the kind; its numbers are any that the rules of a plan allow."""
    chosen = getattr(message, kind)
    chosen.SetInParent()
    for field in chosen.DESCRIPTOR.fields:
        if field.type == field.TYPE_DOUBLE:
            setattr(chosen, field.name, 0.5)


def plan() -> plan_pb2.Plan:
    primary = plan_pb2.PlannedMetric(metric="conversion_rate", minimum_effect=0.05)
    return plan_pb2.Plan(primary=[primary], planned_units=10_000)


@pytest.mark.parametrize("kind", [field.name for field in plan_pb2.Stopping.DESCRIPTOR.fields])
def test_stopping_rule_is_read_as_itself(kind: str) -> None:
    message = plan()
    set_kind(message.stopping, kind)
    assert plan_to(plan_from(message)).stopping.WhichOneof("kind") == kind


@pytest.mark.parametrize("kind", [field.name for field in plan_pb2.Spending.DESCRIPTOR.fields])
def test_spending_function_is_read_as_itself(kind: str) -> None:
    message = plan()
    set_kind(message.stopping.group_sequential.success, kind)
    read = plan_to(plan_from(message))
    assert read.stopping.group_sequential.success.WhichOneof("kind") == kind
