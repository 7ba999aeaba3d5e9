"""Reports with figures that no campaign had: recorded ones whose numbers are drawn anew."""

import random
from collections.abc import Mapping

from fairlift.v1 import results_service_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.report.hard_cases import Said
from tests.report.recorded import recorded, recorded_names

_REAL = FieldDescriptor.CPPTYPE_DOUBLE
_WHOLE = FieldDescriptor.CPPTYPE_INT64
_MESSAGE = FieldDescriptor.CPPTYPE_MESSAGE
# An interval's confidence names it, and times are read as dates.
_UNTOUCHED = {"confidence", "google.protobuf.Timestamp"}


def random_said(seed: int, language: str) -> Said:
    """A report of this seed; every fifth has its looks, too."""
    dice = random.Random(seed)
    said = recorded(dice.choice(recorded_names()), language)
    _draw_numbers(said.report, dice)
    return Said(said.report, said.looks if seed % 5 == 0 else [], said.campaign)


def _draw_numbers(message: Message, dice: random.Random) -> None:
    """Other figures, of other sizes; some that may be absent are."""
    for field, value in message.ListFields():
        if field.name in _UNTOUCHED:
            continue
        if field.cpp_type == _MESSAGE:
            is_map = isinstance(value, Mapping)
            for part in [value] if not _is_list(value) else [] if is_map else value:
                if part.DESCRIPTOR.full_name not in _UNTOUCHED:
                    _draw_numbers(part, dice)
        elif field.cpp_type == _REAL and not _is_list(value):
            if field.has_presence and dice.random() < 0.08:
                message.ClearField(field.name)
            else:
                setattr(message, field.name, dice.gauss(value, abs(value) + 0.01))
        elif field.cpp_type == _WHOLE and not _is_list(value):
            setattr(message, field.name, dice.randint(0, 10 ** dice.randint(1, 9)))


def _is_list(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def is_told_by_lift(comparison: pb.MetricResult.Comparison) -> bool:
    """Whether the table shows the lift of this comparison."""
    has_interval = comparison.HasField("sequential_lift_interval") or comparison.HasField(
        "lift_interval"
    )
    return comparison.HasField("lift") and has_interval
