"""Which parts of a campaign each rule reads: where one of them is wrong, it cannot be judged.

A path without an index stands for that of every item: `variants.weight` is all weights. One with @
is of the item that is judged.
"""

import re
from typing import Final

# How many variants there are: wrong only where all of them are.
_VARIANTS: Final = "variants.*"
_METRICS: Final = "plan.metrics"
_ERRORS: Final = ("plan.alpha", "plan.power", _VARIANTS)
_DAYS: Final = ("plan.minimum_days", "plan.maximum_days")
_COUPONS: Final = ("variants.payload", "variants.control")
_TRAFFIC: Final = (
    *("name", "unit", "traffic_bps", "variants.weight", "variants.control", "plan.primary"),
    *("plan.planned_units", "plan.maximum_days", "plan.covariate_days", "plan.stopping"),
    *("plan.window_days", "plan.window", _METRICS, *_ERRORS),
)
_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "FL203": ("variants.weight",),
    "FL209": (),
    "FL210": ("variants.control",),
    "FL216": (),
    "FL217": (),
    "FL218": ("variants.payload", "schedule"),
    "FL219": ("variants.payload", _METRICS),
    "FL220": ("display_name",),
    "FL302": (),
    "FL303": (),
    "FL304": ("attributes",),
    "FL305": ("attributes",),
    "FL307": (),
    "FL308": (),
    "FL309": ("unit", "audience", "variants.payload", "layer", "prerequisites", "schedule"),
    "FL310": (),
    "FL402": ("layer",),
    "FL403": ("layer.layer", "unit"),
    "FL404": ("layer.layer",),
    "FL406": ("layer.layer", "unit", "prerequisites"),
    "FL407": ("prerequisites", "variants.id"),
    "FL412": ("time_zone",),
    "FL413": ("schedule", *_DAYS),
    "FL415": ("audience", "prerequisites", "schedule", "variants.id"),
    "FL501": (),
    "FL504": (),
    "FL510": ("@.metric", "plan.primary", *_ERRORS),
    "FL511": ("@.metric", _METRICS),
    "FL512": (
        *("plan.primary", "plan.guardrails", "plan.window_days", "plan.window"),
        *(_METRICS, *_DAYS),
    ),
    "FL513": (),
    "FL514": ("plan.primary.metric", "plan.guardrails", _METRICS),
    "FL515": ("unit",),
    "FL518": (),
    "FL519": ("variants.weight", _METRICS),
    "FL520": (_METRICS,),
    "FL521": (),
    "FL522": ("plan.primary.metric",),
    "FL523": ("attributes",),
    "FL524": ("@", "plan.primary.metric", "plan.secondary.metric", "plan.guardrails.metric"),
    "FL525": ("plan.decide",),
    "FL528": ("@.metric", "@.margin", "@.absolute_margin", _METRICS),
    "FL531": (
        *("plan.primary", "plan.covariate_days", "audience"),
        *("variants.weight", "variants.control", _METRICS, *_ERRORS),
    ),
    "FL532": (*_COUPONS, _METRICS),
    "FL533": (),
    "FL601": _TRAFFIC,
    "FL602": _TRAFFIC,
    "FL702": (),
    "FL704": (_METRICS,),
}
_ITEM = re.compile(r".*\[\d+\]")


def parts_read(rule: str, field: str = "") -> tuple[str, ...]:
    """The field paths that the rule reads to judge the field; empty: among campaigns.

    >>> parts_read("FL511", "plan.guardrails[0].margin")
    ('plan.guardrails[0].margin', 'plan.guardrails[0].metric', 'plan.metrics')
    """
    parts = _PARTS[rule]
    if not field:
        return parts
    item = _ITEM.match(field)
    return (field, *(part.replace("@", item[0] if item else "") for part in parts))
