"""Every part speaks every language that has a catalogue."""

from collections.abc import Iterator

import click
import pytest
from fairlift.engine.metric import CATALOGUE
from fairlift_cli.__main__ import main
from fairlift_stats.locale import LANGUAGES, text
from fairlift_stats.messages import Message


def language_options(command: click.Command) -> Iterator[click.Choice[str]]:
    for parameter in command.params:
        if parameter.name == "language" and isinstance(parameter.type, click.Choice):
            yield parameter.type
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from language_options(below)


def test_command_line_offers_every_language() -> None:
    options = list(language_options(main))
    assert options
    assert {tuple(option.choices) for option in options} == {LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("metric", CATALOGUE)
def test_built_in_metric_has_a_name_in_every_language(metric: str, language: str) -> None:
    # A message that is in no catalogue is refused.
    assert text(Message.of(f"metric.{metric}"), language)
