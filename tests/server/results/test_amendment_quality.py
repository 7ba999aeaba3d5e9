"""The health check of refunds and changes of orders."""

import pytest
from fairlift_server.results.amendment_quality import amendment_check
from fairlift_stats.locale import text


@pytest.mark.parametrize("language", ["en", "es", "ro"])
@pytest.mark.parametrize("contradicting", [1, 2, 25])
def test_health_does_not_send_its_reader_to_itself(contradicting: int, language: str) -> None:
    sentence = text(amendment_check(contradicting).message, language)

    assert str(contradicting) in sentence
    assert "fairlift health" not in sentence
