"""The text of the first test file of a campaign: it passes, and shows what tests look like."""

import json
from collections.abc import Mapping
from datetime import datetime

from fairlift.engine.audience import EVERYBODY, Not
from fairlift.engine.campaign import Campaign

from fairlift_cli.audience.checks import example
from fairlift_cli.audience.example_values import ExampleValue, Undecidable


def first_test_text(campaign: Campaign) -> str:
    """Tests that each variant has its share, and that others get the control."""
    total = sum(variant.weight for variant in campaign.variants)
    shares = ", ".join(
        f"{variant.id}: {100 * variant.weight / total:.4g}%" for variant in campaign.variants
    )
    lines = [
        "# What the campaign promises; `fairlift test` runs it.",
        "tests:",
        "  - name: Each variant is seen by its share of the audience",
        f"    campaign: {campaign.id}",
        *_attribute_line(_example(campaign, of_audience=True)),
        f"    shares: {{{shares}}}",
    ]
    outside = _example(campaign, of_audience=False)
    if campaign.audience != EVERYBODY and outside is not None:
        lines += [
            "",
            "  - name: Others see the shop as it is",
            f"    campaign: {campaign.id}",
            "    visitor: ana",
            "    customer: c-1",
            *_attribute_line(outside),
            f"    expect: {{reason: not_in_audience, variant: {campaign.control.id}}}",
        ]
    return "\n".join(lines) + "\n"


def _example(campaign: Campaign, *, of_audience: bool) -> Mapping[str, ExampleValue] | None:
    condition = campaign.audience if of_audience else Not(campaign.audience)
    try:
        return example(condition)
    except Undecidable:
        return None


def _attribute_line(visitor: Mapping[str, ExampleValue] | None) -> list[str]:
    known = {name: _value(value) for name, value in (visitor or {}).items() if value is not None}
    if not known:
        return []
    # JSON is YAML; without its quotes around names it reads as the rest of the file.
    written = ", ".join(f"{name}: {json.dumps(value)}" for name, value in known.items())
    return [f"    attributes: {{{written}}}"]


def _value(value: ExampleValue) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
