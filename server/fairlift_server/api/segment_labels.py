"""Segment labels of an exposure, from the attributes that its plan names."""

import json
from functools import lru_cache
from typing import Any

from fairlift.engine.errors import FairliftError
from fairlift.v1 import event_service_pb2 as pb
from fairlift.wire.values import time_from, value_from

from fairlift_server.api.event_fields import invalid

MAX_LABEL_TEXT = 256


def segment_labels(message: pb.Exposure, attributes: tuple[str, ...]) -> str:
    """The attributes that the plan names, as labels, in JSON; missing ones are left out."""
    sent = message.attributes
    labels: list[str | None] = []
    for name in attributes:
        value = sent.get(name)  # sent[name] would insert the name
        if value is None:
            labels.append(None)
            continue
        text = value.string_value
        # Only a text that is set is not empty.
        labels.append(text if text and len(text) <= MAX_LABEL_TEXT else _label(name, value))
    return _json(attributes, tuple(labels))


# A shop has few combinations of labels, and writing one as JSON takes longer than reading it.
@lru_cache(maxsize=10_000)
def _json(names: tuple[str, ...], labels: tuple[str | None, ...]) -> str:
    found = {name: label for name, label in zip(names, labels, strict=True) if label is not None}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _label(name: str, value: Any) -> str | None:  # a Value of the contract
    kind = value.WhichOneof("kind")
    text = value.string_value if kind == "string_value" else _text(name, kind, value)
    if text is not None and len(text) > MAX_LABEL_TEXT:
        rule = f"must have at most {MAX_LABEL_TEXT} because the plan uses it as a segment"
        raise invalid(f"exposure.attributes.{name}", f"has {len(text)} characters, {rule}")
    return text


def _text(name: str, kind: str | None, value: Any) -> str | None:  # a Value of the contract
    if kind == "time_value":
        try:
            return time_from(value.time_value).isoformat()
        except FairliftError as error:
            raise invalid(f"exposure.attributes.{name}", str(error)) from None
    match value_from(value):
        case None:
            return None
        case bool(flag):
            return "true" if flag else "false"
        case tuple(texts):
            return ", ".join(sorted(texts))
        case attribute:
            return str(attribute)
