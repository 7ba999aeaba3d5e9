"""Which labels are numbers, and so have a band: as the guide to campaign files says."""

import json

import pytest
from fairlift.engine.plan_lists import SegmentBands
from fairlift_server.analysis.segment_labels import NOT_A_NUMBER, labels_text

BANDS = SegmentBands("cart_value", (30, 50))


def band(label: str) -> str:
    row = {"segments": json.dumps({"cart_value": label}), "known_label0": None}
    ((_, shown),) = json.loads(labels_text(row, ["cart_value"], [BANDS]))
    return str(shown)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("49.90", "30–50"),
        ("4.99e1", "30–50"),
        ("30", "30–50"),
        ("30.", "30–50"),
        (" 30 ", "30–50"),
        ("+1E3", "≥ 50"),
        ("-7", "< 30"),
        (".5", "< 30"),
        ("1e-07", "< 30"),
    ],
)
def test_digits_with_a_point_are_a_number(label: str, expected: str) -> None:
    assert band(label) == expected


@pytest.mark.parametrize(
    "label", ["1,000", "1_000", "inf", "-Infinity", "nan", "1e999", "0x10", "٣٠", ".", "e5", "30 €"]
)
def test_any_other_text_is_none(label: str) -> None:
    assert band(label) == NOT_A_NUMBER
