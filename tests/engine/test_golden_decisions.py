"""Decisions that every SDK must take alike, in any language (docs/golden-vectors.md)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fairlift.engine.decision import CompiledSnapshot
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest, Snapshot
from fairlift.wire.snapshot import snapshot_from
from fairlift.wire.values import put_attributes
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.assignment_messages import assignment_to, attributes_from

FILES = sorted((Path(__file__).parents[1] / "golden" / "decisions").glob("*.json"))


def _decide(file: dict[str, Any], request: dict[str, Any], *, lazily: bool) -> dict[str, Any]:
    snapshot = snapshot_from(ParseDict(file["snapshot"], Snapshot()))
    compiled = CompiledSnapshot(snapshot, first_seen=file.get("firstSeen", {}))
    asked = ParseDict({"attributes": request["attributes"]}, AssignVariantsRequest())
    lazy = attributes_from(asked.attributes)
    decided = compiled.decide(
        request["campaign"],
        visitor=request["visitorId"],
        customer=request.get("customerId", ""),
        attributes=lazy if lazily else dict(lazy),
        now=datetime.fromisoformat(request["now"]).timestamp(),
    )
    message = MessageToDict(assignment_to(decided), always_print_fields_with_no_presence=True)
    return {**message, "reason": decided.reason.value}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("lazily", [True, False], ids=["from-wire", "from-dict"])
def test_golden_decisions_hold(path: Path, lazily: bool) -> None:
    file = json.loads(path.read_text())
    wrong = []
    for case in file["cases"]:
        found = _decide(file, case["request"], lazily=lazily)
        expected = case["expect"]
        if {key: found.get(key) for key in expected} != expected:
            wrong.append((case["says"], expected, found))

    assert wrong == []


def test_there_are_as_many_negative_cases_as_positive_ones() -> None:
    reasons = [
        case["expect"]["reason"] for path in FILES for case in json.loads(path.read_text())["cases"]
    ]

    assert len(reasons) >= 150
    assert sum(reason != "assigned" for reason in reasons) >= len(reasons) / 2


def test_attributes_survive_the_wire() -> None:
    attributes: dict[str, Any] = {
        "country": "ES",
        "cart_value": 49.5,
        "returning": True,
        "tags": ("a", "b"),
    }

    message = AssignVariantsRequest()
    put_attributes(message.attributes, attributes)

    assert attributes_from(message.attributes) == attributes
