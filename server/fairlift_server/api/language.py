"""How one reader is spoken to: their language, and the campaign's own names."""

from dataclasses import dataclass

from fairlift.engine.campaign import Campaign, UnitKind
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift_stats.locale import LANGUAGES, figure_text, text
from fairlift_stats.messages import Figure, Message, Names, UnitWord, unique_names

_UNITS: dict[UnitKind, UnitWord] = {UnitKind.VISITOR: "visitor", UnitKind.CUSTOMER: "customer"}


@dataclass(frozen=True, slots=True)
class Tongue:
    """Says messages and figures."""

    language: str
    names: Names

    @classmethod
    def of(cls, campaign: Campaign, language: str) -> "Tongue":
        """The language, with the campaign's unit and its names of variants and of own metrics."""
        metrics = () if campaign.plan is None else campaign.plan.metrics
        return cls(
            language,
            Names(
                variants=unique_names({each.id: each.display_name for each in campaign.variants}),
                metrics={each.name: each.display_name for each in metrics if each.display_name},
                unit=_UNITS[campaign.unit],
            ),
        )

    def text(self, message: Message) -> str:
        """The message as a sentence."""
        return text(message, self.language, self.names)

    def figure(self, figure: Figure) -> str:
        """One figure."""
        return figure_text(figure, self.language, self.names)


def language_of(asked: str) -> str:
    """The language of the sentences.

    Raises:
        InvalidRequest: there is no catalogue for it.
    """
    language = asked.replace("_", "-").partition("-")[0].lower() or "en"
    if language not in LANGUAGES:
        text = f"is {asked[:20]!r}, must be one of {', '.join(LANGUAGES)}"
        raise InvalidRequest([Violation("language", text)])
    return language
