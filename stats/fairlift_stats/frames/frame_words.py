"""What a report of a frame says, and its figures, in the reader's language."""

import math
from dataclasses import dataclass

from fairlift_stats.data.metrics import MetricUnit
from fairlift_stats.effects import CannotSay, Effect, Flag
from fairlift_stats.locale import LANGUAGES, figure_text, text
from fairlift_stats.messages import Figure, Message, Number, Percent, Verbatim

__all__ = ["FrameWords"]


@dataclass(frozen=True, slots=True)
class FrameWords:
    """One of the languages en, es and ro."""

    language: str

    def say(self, key: str, /, **figures: Figure | str) -> str:
        """A message of the catalogue; texts stand in it as they are."""
        places = {
            name: Verbatim(figure) if isinstance(figure, str) else figure
            for name, figure in figures.items()
        }
        return text(Message.of(f"frame.{key}", **places), self.language)

    def role(self, role: str) -> str:
        """The role of a metric."""
        return text(Message.of(f"role.{role}"), self.language)

    def message(self, message: Message) -> str:
        """Another message."""
        return text(message, self.language)

    def count(self, units: int) -> str:
        """How many."""
        return figure_text(Number(units), self.language)

    def level(self, confidence: float) -> str:
        """The confidence of an interval."""
        return figure_text(Percent(confidence, 0), self.language)

    def estimate(self, value: float | None, unit: MetricUnit) -> str:
        """An estimate in the metric's unit; small ones with four digits that count."""
        if value is None:
            return "-"
        if unit == "share":
            return figure_text(Percent(value, 2), self.language)
        if abs(value) >= 1:
            return figure_text(Number(value, 2), self.language)
        return self.digits(value, 4)

    def digits(self, value: float, count: int) -> str:
        """A number with so many digits that count; very small ones with an exponent."""
        rounded, e, exponent = f"{value:.{count}g}".partition("e")
        number = Number(float(rounded), len(rounded.partition(".")[2]))
        return f"{figure_text(number, self.language)}{e}{exponent}"

    def share(self, value: float) -> str:
        """A share with one decimal."""
        return figure_text(Percent(value, 1), self.language)

    def lift(self, value: float) -> str:
        """A lift with its sign."""
        return figure_text(Percent(value, 1, signed=True), self.language)

    def lift_and_interval(self, effect: Effect | CannotSay) -> tuple[str, str]:
        """A lift and its interval; a dash where there is no lift."""
        ends = (effect.interval.low, effect.interval.high)
        low, high = (f"{end:+}"[0] + "∞" if math.isinf(end) else self.lift(end) for end in ends)
        return (
            "-" if isinstance(effect, CannotSay) else self.lift(effect.value)
        ), f"{low} … {high}"

    def p(self, p_value: float | None) -> str:
        """A p-value without its letter."""
        if p_value is None:
            return "-"
        if p_value < 0.001:
            return f"{p_value:.1g}"
        return figure_text(Number(p_value, 3), self.language)

    def p_with_letter(self, p_value: float | None) -> str:
        """A p-value with its letter."""
        return "-" if p_value is None else f"p = {self.p(p_value)}"

    def warning(self, flag: Flag) -> str:
        """What to know before trusting a figure."""
        return self.message(flag.message)

    def reason(self, cannot_say: CannotSay) -> str:
        """Why there is no figure; in English with what was found."""
        if self.language == LANGUAGES[0]:
            return cannot_say.sentence
        return self.message(Message.of(f"cannot_say.{cannot_say.reason.value}"))
