"""Which rule a violation of the engine breaks: by its field, and where needed by its code.

The engine knows fields and codes, not the ids of this program. A violation of a field that is not
listed here breaks FL200; tests/cli/test_rules.py shows that no known one does, and that each rule
that is chosen by a code has an example.
"""

import re
from typing import Final

from fairlift.engine.errors import Violation

UNLISTED: Final = "FL200"

# Field, without indexes; code, or any; rule. The first that fits decides.
_TABLE: Final = (
    (r"name|campaign", "", "FL201"),
    (r"variants", "", "FL204"),
    (r"variants\[\]\.id", "", "FL205"),
    (r"variants\[\]\.weight", "", "FL206"),
    (r"variants\[\]\.control", "", "FL207"),
    (r"variants\[\]\.payload.*", "", "FL208"),
    (r"display_name|description", "", "FL211"),
    (r"currency_code", "", "FL212"),
    (r"time_zone", "", "FL213"),
    (r"labels.*", "", "FL214"),
    (r"overrides.*", "", "FL215"),
    (r"(audience|attributes).*", "", "FL306"),
    (r"layer", "overlap", "FL402"),
    (r"layer", "", "FL401"),
    (r"layer\.layer", "", "FL405"),
    (r"prerequisites", "", "FL407"),
    (r"prerequisites\[\]\.variants\[\]", "", "FL408"),
    (r"prerequisites.*", "", "FL410"),
    (r"schedule.*", "", "FL411"),
    (r"traffic_bps", "", "FL414"),
    (r"plan\.maximum_days", "", "FL503"),
    (r"plan\.primary\[\]\.minimum_effect", "missing", "FL505"),
    (r"plan\.(primary|secondary|guardrails)\[\]\.metric", "unknown", "FL506"),
    (r"plan\.(primary|secondary|guardrails)\[\]\.metric", "twice", "FL507"),
    (r"plan\.guardrails\[\]\.margin", "share_of_zero", "FL509"),
    (r"plan\.guardrails\[\]\.(margin|absolute_margin)", "", "FL508"),
    (r"plan\.primary\[\]\.metric", "not_conversion", "FL516"),
    (r"plan\.stopping.*", "", "FL517"),
    (r"plan\.metrics.*", "", "FL526"),
    (r"plan\.\w+\[\]\.window_days", "own_window", "FL527"),
    (r"plan.*", "", "FL502"),
)
_COMPILED = tuple((re.compile(field), code, rule) for field, code, rule in _TABLE)
_INDEX = re.compile(r"\[\d+\]")


def rule_of_violation(violation: Violation) -> str:
    """The id of the rule, such as FL206 for `variants[1].weight`.

    >>> rule_of_violation(Violation("variants[1].weight", "is 0, must be 1 to 1000000"))
    'FL206'
    """
    field = _INDEX.sub("[]", violation.field)
    for pattern, code, rule in _COMPILED:
        if code in ("", violation.code) and pattern.fullmatch(field):
            return rule
    return UNLISTED
