"""The sentence of a forecast says which decision is meant, where it is no win."""

from fairlift_server.api.forecast_messages import forecast_to
from fairlift_server.api.language import ReaderLanguage
from fairlift_stats.messages import Names
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import WEEK, daily, plan


def _sentence(z: float) -> str:
    outlook = decide(plan(), daily(plan(), [*WEEK, z])).facts.outlook
    assert outlook is not None
    return forecast_to(outlook, ReaderLanguage("en", Names())).sentence


def test_a_decision_against_the_variant_is_named() -> None:
    assert _sentence(0.5).endswith("Most likely the decision is to give up coupon.")


def test_an_open_race_names_no_decision() -> None:
    assert "give up" not in _sentence(1.9)
