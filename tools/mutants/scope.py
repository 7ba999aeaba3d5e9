"""What is changed, and by which kinds of change."""

import re
from typing import Final

# The rule: what decides, what guards it, and what it spends, with the figures beside it. Numerics
# are held by golden values; words (reasons, sentences, figures.py) by the tests of the catalogues.
MODULES: Final = (
    "stats/fairlift_stats/verdict/__init__.py",
    "stats/fairlift_stats/verdict/facts.py",
    "stats/fairlift_stats/verdict/look_figures.py",
    "stats/fairlift_stats/verdict/outlook.py",
    "stats/fairlift_stats/verdict/ruling.py",
    "stats/fairlift_stats/verdict/standings.py",
    "stats/fairlift_stats/verdict/guardrails.py",
    "stats/fairlift_stats/verdict/arm_facts.py",
    "stats/fairlift_stats/verdict/sample_ratio.py",
    "stats/fairlift_stats/verdict/since.py",
    "stats/fairlift_stats/verdict/verdict_estimate.py",
    "stats/fairlift_stats/sequential/calendar.py",
    "stats/fairlift_stats/sequential/evidence.py",
    "stats/fairlift_stats/sequential/guards.py",
    "stats/fairlift_stats/sequential/lines.py",
    "stats/fairlift_stats/sequential/looks.py",
    "stats/fairlift_stats/sequential/plan.py",
    "stats/fairlift_stats/sequential/group_sequential/spending.py",
    "stats/fairlift_stats/methods/contrast.py",
    "stats/fairlift_stats/methods/multiplicity.py",
)

# Changes that once went unnoticed by all tests, by module: the text before and after. The suite has
# the same seven in every run, by monkeypatch: tests/rules/test_changes_that_must_not_pass.py.
NAMED: Final = {
    "stats/fairlift_stats/methods/contrast.py": [
        ("NON_INFERIORITY_LEVEL: Final = 0.05", "NON_INFERIORITY_LEVEL: Final = 0.10"),
    ],
    "stats/fairlift_stats/sequential/plan.py": [
        ("return Side(plan.harm_spending, (1", 'return Side(Spending("hsd", -4.0), (1'),
        ("plan.alpha / 2 / (len(plan.guardrails)", "plan.alpha / 2 * (len(plan.guardrails)"),
    ],
    "stats/fairlift_stats/sequential/guards.py": [
        ("SKEW_LIMIT: Final = 0.06", "SKEW_LIMIT: Final = 0.12"),
    ],
    "stats/fairlift_stats/verdict/ruling.py": [
        ("enumerate(alarm) if a.is_raised)", "enumerate(alarm) if False)"),
    ],
    "stats/fairlift_stats/verdict/standings.py": [
        ("_HOPELESS = 0.10", "_HOPELESS = 0.20"),
        ("(1 - DAILY_SHARE / 2) / plan.comparisons", "(1 - DAILY_SHARE / 2)"),
    ],
}

# One change of a kind is enough: + becomes -, < becomes <= and >. Annotations, which are full of
# |, and caches change nothing.
_LEFT_OUT: Final = re.compile(
    r"""core/(?:
    ReplaceBinaryOperator_BitOr_.*
    | ReplaceBinaryOperator_Add_(?!Sub$).*
    | ReplaceBinaryOperator_Sub_(?!Add$).*
    | ReplaceBinaryOperator_Mul_(?!Div$).*
    | ReplaceBinaryOperator_Div_(?!Mul$).*
    | ReplaceBinaryOperator_(?:Mod|Pow|FloorDiv)_(?!Mul$).*
    | ReplaceComparisonOperator_Lt_(?!(?:LtE|Gt)$).*
    | ReplaceComparisonOperator_LtE_(?!(?:Lt|GtE)$).*
    | ReplaceComparisonOperator_Gt_(?!(?:GtE|Lt)$).*
    | ReplaceComparisonOperator_GtE_(?!(?:Gt|LtE)$).*
    | ReplaceComparisonOperator_Eq_(?!NotEq$).*
    | ReplaceComparisonOperator_NotEq_(?!Eq$).*
    | ReplaceComparisonOperator_Is_(?!IsNot$).*
    | ReplaceComparisonOperator_IsNot_(?!Is$).*
    | ReplaceUnaryOperator_(?:UAdd|Invert)_.*
    | ReplaceUnaryOperator_.*_(?:UAdd|Invert)
    | RemoveDecorator
    | ExceptionReplacer
    | VariableReplacer
    | VariableInserter
    )$""",
    re.VERBOSE,
)


def is_used(operator: str) -> bool:
    """True for the kinds of change that are made."""
    return not _LEFT_OUT.match(operator)
