"""Reads the situations of a case: attributes, time and holdout, once for each row of its matrix."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from fairlift.engine.attribute_values import AttributeValue
from fairlift.engine.campaign import BPS, AttributeType, Campaign

from fairlift_cli.assignment_tests.case_values import (
    attribute_from_yaml,
    holdout_value,
    text_value,
    time_value,
)
from fairlift_cli.assignment_tests.cases import Situation
from fairlift_cli.findings import did_you_mean
from fairlift_cli.side_files import MappingReader
from fairlift_cli.yaml_tree import YamlList
from fairlift_cli.yaml_values import WrongValue

MAX_COMBINATIONS = 1_000
# Storefronts send them to every campaign; the engine tells bots by them.
_ALWAYS_KNOWN = {"is_bot": AttributeType.BOOL, "user_agent": AttributeType.STRING}


def situations(
    keys: MappingReader,
    campaigns: Sequence[Campaign | None],
    others: Iterable[Campaign],
    of_project: Mapping[str, AttributeType],
) -> Iterator[tuple[str, Situation]]:
    """The situation of each combination of the matrix, with the name of its case.

    Args:
        keys: the mapping of the case.
        campaigns: those that the case names; None for one that is not known.
        others: all campaigns; a case may pass the attributes of a campaign that its own requires.
        of_project: the attributes that the project declares.
    """
    declared = {k: v for campaign in others for k, v in campaign.attributes.items()}
    declared |= {**of_project, **_ALWAYS_KNOWN}
    for campaign in campaigns:
        declared |= dict(campaign.attributes) if campaign else {}
    # Names can be checked only where the project or every campaign declares its attributes.
    is_declared = of_project or all(campaign and campaign.attributes for campaign in campaigns)
    known = declared if is_declared else None
    attributes = _attributes(keys, declared, known)
    name = keys.take("name", text_value, "")
    holdout_bps = round(keys.take("holdout", holdout_value, 0.0) * BPS)
    time = keys.take("time", time_value, None)
    situation = Situation(attributes, time, holdout_bps)
    columns = _matrix(keys, declared, known)
    if not columns:
        yield name, situation
        return
    for row in itertools.product(*columns.values()):
        values = dict(zip(columns, row, strict=True))
        words = ", ".join(f"{key} {_shown(value)}" for key, value in values.items())
        yield f"{name} ({words})", replace(situation, attributes=attributes | values)


def _attributes(
    keys: MappingReader,
    declared: Mapping[str, AttributeType],
    known: Mapping[str, AttributeType] | None,
) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {}
    listed = keys.mapping("attributes")
    for entry in listed.entries if listed else ():
        assert listed is not None  # for the type checker
        _check_declared(listed, entry.key, known)
        try:
            attributes[entry.key] = attribute_from_yaml(entry.value, declared.get(entry.key))
        except WrongValue as mistake:
            listed.mistake(entry.key, str(mistake), entry.value.position)
    return attributes


def _matrix(
    keys: MappingReader,
    declared: Mapping[str, AttributeType],
    known: Mapping[str, AttributeType] | None,
) -> dict[str, list[AttributeValue]]:
    """The values of each attribute that varies."""
    columns: dict[str, list[AttributeValue]] = {}
    combinations = 1
    listed = keys.mapping("matrix")
    for entry in listed.entries if listed else ():
        assert listed is not None  # for the type checker
        _check_declared(listed, entry.key, known)
        if not isinstance(entry.value, YamlList) or not entry.value.items:
            listed.mistake(entry.key, "must be a list of values")
            continue
        items = entry.value.items
        combinations *= len(items)
        try:
            columns[entry.key] = [
                attribute_from_yaml(item, declared.get(entry.key)) for item in items
            ]
        except WrongValue as mistake:
            listed.mistake(entry.key, str(mistake), entry.value.position)
    if combinations > MAX_COMBINATIONS:
        most = f"must have at most {MAX_COMBINATIONS:,}"
        keys.mistake("matrix", f"has {combinations:,} combinations, {most}; split it")
        return {}
    return columns


def _check_declared(
    keys: MappingReader, name: str, known: Mapping[str, AttributeType] | None
) -> None:
    if known is not None and name not in known:
        hint = did_you_mean(name, known)
        keys.mistake(name, f"is not declared under attributes of the campaign{hint}")


def _shown(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "+".join(value) if isinstance(value, tuple) else str(value)
