"""The day of a look, read from what the store keeps; None where that was edited."""

import json

import pytest
from fairlift_server.results.look_text import LookDay, content_and_hash, look_day, stored_text


@pytest.mark.parametrize(("closing", "is_closing"), [(None, False), ("harm", True)])
def test_a_look_says_its_day(closing: str | None, is_closing: bool) -> None:
    content = json.dumps({"look": {"day": 7, "closing": closing}})

    text = stored_text(content, "a-hash")

    assert content_and_hash(text) == (content, "a-hash")
    assert look_day(text) == LookDay(7, is_closing)


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        stored_text("no JSON", "a-hash"),
        stored_text('{"look": {"day": "soon", "closing": null}}', "a-hash"),
        stored_text('{"look": {"day": 7}}', "a-hash"),
        stored_text('{"look": null}', "a-hash"),
    ],
)
def test_an_edited_look_has_no_day(text: str) -> None:
    assert look_day(text) is None
