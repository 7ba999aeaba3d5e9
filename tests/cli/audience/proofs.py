"""What the search proves of conditions, as one question each."""

from fairlift.engine.audience import Condition
from fairlift_cli.audience.search import Search


def never_holds(condition: Condition) -> bool:
    """Whether it is proved that the condition holds for nobody."""
    return Search().refutes((condition, True))


def always_holds(condition: Condition) -> bool:
    """Whether it is proved that the condition holds for everybody."""
    return Search().refutes((condition, False))


def implies(condition: Condition, other: Condition) -> bool:
    """Whether it is proved that everybody in the first audience is in the other."""
    return Search().refutes((condition, True), (other, False))
