"""The JSON Schema of campaign files, from the contract: its fields, comments and enums.

It is what `fairlift check` reads, as far as a schema can say it; see docs/campaigns.md.
"""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairlift.engine.campaign import MAX_VARIANTS, MAX_WEIGHT
from fairlift.engine.metric import CATALOGUE, FAMILY_NAMES
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_cli.schema import ValueForm, YamlKey, bare_field, enum_words, keys, named_choices
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tools.contract_comments import contract_comments

Schema = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "clients" / "fairlift_cli" / "campaign.schema.json"

_ID = "https://github.com/fairlift/fairlift/blob/main/clients/fairlift_cli/campaign.schema.json"
_PACKAGE = "fairlift.v1."
# A text may be written without quotes, though YAML reads 2026 or true as another type.
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_PERCENT: Schema = {"type": "string", "pattern": r"^\d+(\.\d{1,2})? ?%$", "examples": ["50%"]}
# YAML 1.2 takes 10_000 for a text; `fairlift check` for a number.
_DIGITS = r"[-+]?\d+(_\d+)+"
_INTEGER: Schema = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{_DIGITS}$"}]}
_NUMBER: Schema = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": rf"^([-+]?\d+(\.\d+)? ?%|{_DIGITS})$"},
    ]
}
_TIME: Schema = {
    "type": "string",
    "pattern": r"^\d{4}.*(Z|[+-]\d\d(:?\d\d)?)$",
    "examples": ["2026-11-27T08:00:00Z"],
}

_REQUIRED = {"Campaign": ["variants"], "Variant": ["id"], "PlannedMetric": ["metric"],
             "Metric": ["name"], "Plan": ["primary", "planned_units"]}  # fmt: skip
_LIMITS: dict[str, Schema] = {
    "Campaign.variants": {"minItems": 2, "maxItems": MAX_VARIANTS},
    "Variant.weight": {"minimum": 1, "maximum": MAX_WEIGHT},
    "Prerequisite.variants": {"minItems": 1},
}
_EXAMPLES: dict[str, list[Any]] = {
    "Campaign.campaign": ["free-shipping"],
    "Campaign.audience": ['cart_value >= 30 and country in ["ES", "RO"]'],
    "Campaign.time_zone": ["Europe/Madrid"],
    "Campaign.currency_code": ["EUR"],
    "Campaign.labels": [{"team": "crm"}],
    "Variant.payload": [{"coupon": "WELCOME10"}],
    "Plan.planned_units": [40_000],
    "Plan.segments": [["country", "device"]],
    "PlannedMetric.minimum_effect": ["5%"],
    "PlannedMetric.margin": ["2%"],
}


def campaign_schema() -> Schema:
    """The schema of one document of a campaign file."""
    builder = _Builder(contract_comments())
    root = builder.reference(Campaign.DESCRIPTOR)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": _ID,
        "title": "Fairlift campaign",
        "allOf": [root, {"anyOf": [{"required": ["campaign"]}, {"required": ["name"]}]}],
        "definitions": dict(sorted(builder.definitions.items())),
    }


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(campaign_schema(), indent=1) + "\n"


class _Builder:
    """Collects a definition for each message that a campaign can hold."""

    def __init__(self, comments: dict[str, str]) -> None:
        self.definitions: dict[str, Schema] = {}
        self._comments = comments

    def reference(self, message: Descriptor) -> Schema:
        """A reference to the definition of the message, which is made when it is first asked."""
        name = message.full_name.removeprefix(_PACKAGE)
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self._definition(message, name)
        return {"$ref": f"#/definitions/{name}"}

    def _definition(self, message: Descriptor, name: str) -> Schema:
        forms = [*self._short_forms(message, name), self._mapping(message, name)]
        comment = self._comments.get(message.full_name)
        described = {"description": comment} if comment else {}
        return described | (forms[0] if len(forms) == 1 else {"anyOf": forms})

    def _short_forms(self, message: Descriptor, name: str) -> Iterator[Schema]:
        """What may stand in place of the mapping."""
        if name == "Condition":
            yield {"type": "string", "description": "The audience in one line."}
        elif name == "Value":
            yield _TEXT
            yield {"type": "array", "items": _TEXT}
        elif field := bare_field(message):
            yield self._values(YamlKey(field))
        elif choices := named_choices(message):
            yield {"enum": sorted(choices)}

    def _mapping(self, message: Descriptor, name: str) -> Schema:
        known = keys(message)
        schema: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: self._property(known[key], name, key) for key in sorted(known)},
        }
        if required := _REQUIRED.get(name):
            schema["required"] = required
        if rivals := list(_rivals(known)):
            schema["allOf"] = [{"not": {"required": list(pair)}} for pair in rivals]
        if name == "Value":
            # Else a Value and a payload-like mapping would look alike.
            schema["minProperties"] = 1
        return schema

    def _property(self, key: YamlKey, message: str, name: str) -> Schema:
        """The schema of a key: its values, the field's comment and examples."""
        schema = self._values(key)
        schema = {**schema, **_LIMITS.get(f"{message}.{name}", {})}
        comment = self._comments.get(key.field.full_name, "")
        if key.field.enum_type is not None:
            comment = " ".join([comment, *self._words(key.field.enum_type)]).strip()
        if comment:
            # Draft 7 reads nothing beside a reference.
            schema = {"allOf": [schema]} if "$ref" in schema else schema
            schema = {"description": comment, **schema}
        if examples := _EXAMPLES.get(f"{message}.{name}"):
            schema = {"allOf": [schema]} if "$ref" in schema else schema
            schema = {**schema, "examples": examples}
        if message == "PlannedMetric" and name == "metric":
            schema = {**schema, **_metric_names()}
        return schema

    def _values(self, key: YamlKey) -> Schema:
        field = key.field
        element = field.message_type
        if element is not None and element.GetOptions().map_entry:
            value = self._single(YamlKey(element.fields_by_name["value"]))
            return {"type": "object", "additionalProperties": value}
        single = self._single(key)
        if not field.is_repeated:
            return single
        several: Schema = {"type": "array", "items": single}
        if element is not None and bare_field(element) is None:
            return several
        # A list of one may be written without brackets.
        return {"anyOf": [several, single]}

    def _single(self, key: YamlKey) -> Schema:
        """One value of the field."""
        field = key.field
        if key.form is ValueForm.PERCENT:
            return dict(_PERCENT)
        if field.message_type is not None:
            match field.message_type.full_name:
                case "google.protobuf.Timestamp":
                    return dict(_TIME)
                case "google.protobuf.Struct":
                    return {"type": "object"}
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return {"enum": list(enum_words(field.enum_type))}
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                return dict(_TEXT)
            case FieldDescriptor.CPPTYPE_BOOL:
                return {"type": "boolean"}
            case FieldDescriptor.CPPTYPE_DOUBLE:
                return dict(_NUMBER)
        return dict(_INTEGER)

    def _words(self, enum: EnumDescriptor) -> Iterator[str]:
        """What each word of the enum means, where the contract says so."""
        words = {number: word for word, number in enum_words(enum).items()}
        for value in enum.values:
            # Values are named beside their enum, not within it.
            scope = enum.full_name.rpartition(".")[0]
            if comment := self._comments.get(f"{scope}.{value.name}"):
                yield f"{words[value.number]}: {comment}"


def _metric_names() -> Schema:
    """Names to complete; any other text may be a metric of the plan itself, or of a family."""
    families = ", ".join(FAMILY_NAMES)
    described = f"A metric of the catalogue, of a family ({families}), or of the plan's own."
    return {"description": described, "anyOf": [{"enum": list(CATALOGUE)}, _TEXT]}


def _rivals(known: dict[str, YamlKey]) -> Iterator[tuple[str, str]]:
    """Pairs of keys that cannot be combined: of one field, or of one oneof."""
    for one, other in itertools.combinations(sorted(known), 2):
        first, second = known[one].field, known[other].field
        is_same = first.name == second.name
        oneof = first.containing_oneof
        is_choice = oneof is not None and oneof == second.containing_oneof
        if is_same or is_choice:
            yield one, other


def main() -> None:
    """Writes the schema; with --check, tests whether it is up to date."""
    text = schema_text()
    if sys.argv[1:] == ["--check"]:
        if OUTPUT.read_text(encoding="utf-8") != text:
            sys.exit(f"{OUTPUT.name} is not up to date; run `make proto`")
        return
    OUTPUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
