"""Renders messages in the reader's language, with the campaign's display names."""

import logging
from dataclasses import dataclass

from fairlift.engine.campaign import Campaign, UnitKind
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift_stats.locale import LANGUAGES, figure_text, text
from fairlift_stats.messages import Figure, Message, Names, UnitWord, Verbatim, unique_names

_log = logging.getLogger(__name__)
_UNITS: dict[UnitKind, UnitWord] = {UnitKind.VISITOR: "visitor", UnitKind.CUSTOMER: "customer"}


@dataclass(frozen=True, slots=True)
class ReaderLanguage:
    """Renders messages and figures for one campaign in one language."""

    language: str
    names: Names

    @classmethod
    def of(cls, campaign: Campaign, language: str) -> "ReaderLanguage":
        """The language, with the display names of the campaign's variants and metrics."""
        metrics = () if campaign.plan is None else campaign.plan.metrics
        return cls(
            language,
            Names(
                variants=unique_names(
                    {variant.id: variant.display_name for variant in campaign.variants}
                ),
                metrics={
                    metric.name: metric.display_name for metric in metrics if metric.display_name
                },
                unit=_UNITS[campaign.unit],
            ),
        )

    def text(self, message: Message) -> str:
        """The message as a sentence."""
        return text(message, self.language, self.names)

    def text_or_note(self, message: Message) -> str:
        """The message as a sentence; one that cannot be written says so, and fails nothing else."""
        try:
            return self.text(message)
        except (ArithmeticError, LookupError, ValueError):
            _log.exception("%s could not be written in %s", message.key, self.language)
            return self.text(Message.of("note.sentence_failed", key=Verbatim(message.key)))

    def figure(self, figure: Figure) -> str:
        """The figure as text."""
        return figure_text(figure, self.language, self.names)


def language_of(requested: str) -> str:
    """The supported language for a requested one; empty means English.

    Raises:
        InvalidRequest: the language is not supported.
    """
    language = requested.replace("_", "-").partition("-")[0].lower() or "en"
    if language not in LANGUAGES:
        text = f"is {requested[:20]!r}, must be one of {', '.join(LANGUAGES)}"
        raise InvalidRequest([Violation("language", text)])
    return language
