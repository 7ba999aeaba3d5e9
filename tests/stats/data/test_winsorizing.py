"""Winsorizing: one cap for all arms."""

import pytest
from fairlift_stats import BadQuestion, TooFewUnits
from fairlift_stats.data.winsorizing import capped, pooled_cap


def test_one_cap_serves_all_arms() -> None:
    cap = pooled_cap({"a": [0.0, 0.0, 10.0, 20.0], "b": [0.0, 30.0, 1000.0]}, level=0.5)

    assert cap == 25.0
    assert capped({"revenue": [0, 10, 400]}, "revenue", cap, name="c").sum("c") == 35.0
    with pytest.raises(TooFewUnits):
        pooled_cap({"a": [0.0]})
    with pytest.raises(BadQuestion):
        pooled_cap({"a": [1.0]}, level=1.0)
