"""The tree of errors."""

import pickle
import re

from fairlift.engine import errors
from fairlift.engine.errors import FairliftError, Invalid, InvalidCampaign, Overloaded, Violation


def classes(root: type[FairliftError]) -> list[type[FairliftError]]:
    return [root, *(found for child in root.__subclasses__() for found in classes(child))]


def test_tree_at_the_top_of_the_file_is_the_tree_in_the_code() -> None:
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    in_code = [cls.__name__ for cls in classes(FairliftError) if cls.__module__ == errors.__name__]
    assert [name for name in drawn if name != "Everything"] == in_code


def test_violations_are_seen_from_the_message_around_them() -> None:
    inner = InvalidCampaign([Violation("weight", "is 0"), Violation("", "is empty")])
    seen = inner.below("variants[1]")
    assert isinstance(seen, InvalidCampaign)
    assert str(seen) == "variants[1].weight: is 0; variants[1]: is empty"
    assert Violation("[2]", "x").below("lines").field == "lines[2]"
    assert Violation("a", "x").below("").field == "a"


def test_errors_survive_pickling() -> None:
    invalid = pickle.loads(pickle.dumps(Invalid([Violation("a", "b")])))
    assert invalid.violations == (Violation("a", "b"),)
    assert Overloaded("full", retry_after_s=2.0).retry_after_s == 2.0
