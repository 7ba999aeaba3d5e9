"""Segment labels of an exposure, from the attributes that its plan names."""

import json
from functools import lru_cache
from typing import Any

from fairlift.engine.errors import FairliftError
from fairlift.v1 import event_service_pb2 as pb
from fairlift.wire.values import time_from, value_from

from fairlift_server.api.event_fields import invalid

_MAX_LABEL_TEXT = 256


def segment_labels(message: pb.Exposure, attributes: tuple[str, ...]) -> str:
    """The attributes that the plan names, as labels, in JSON; missing ones are left out."""
    labels = {}
    for name in attributes:
        # `in` first: message_map[name] inserts the name.
        if name in message.attributes:
            label = _label(name, message.attributes[name])
            if label is not None:
                labels[name] = label
    return _as_json(tuple(labels.items()))


# Few sets of labels are behind many exposures.
@lru_cache(4_096)
def _as_json(labels: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(labels), ensure_ascii=False, separators=(",", ":"))


def _label(name: str, value: Any) -> str | None:  # a Value of the contract
    where = f"exposure.attributes.{name}"
    if value.WhichOneof("kind") == "time_value":
        try:
            return time_from(value.time_value).isoformat()
        except FairliftError as error:
            raise invalid(where, str(error)) from None
    attribute = value_from(value)
    match attribute:
        case None:
            return None
        case bool():
            text = "true" if attribute else "false"
        case tuple():
            text = ", ".join(sorted(attribute))
        case _:
            text = str(attribute)
    if len(text) > _MAX_LABEL_TEXT:
        rule = f"must have at most {_MAX_LABEL_TEXT} because the plan uses it as a segment"
        raise invalid(where, f"has {len(text)} characters, {rule}")
    return text
