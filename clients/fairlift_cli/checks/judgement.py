"""What a check says: the rule that is broken, the field, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """One broken rule: its id, the field path such as `variants[1].weight`, and a message."""

    rule: str
    field: str
    message: str
