"""The JSON Schema of `fairlift.yaml`, for editors; it says what `check` says, as far as it can."""

import json
from typing import Any

from fairlift.engine.campaign import AttributeType

from fairlift_cli.editor_schema import editor_schema
from fairlift_cli.environments import KEYS as ENVIRONMENT_KEYS
from fairlift_cli.environments import NAME, PATH, RANDOM, VARIABLE
from fairlift_cli.project import DEFAULTS, KEYS, PLAN_DEFAULTS
from fairlift_cli.rules import Level, rules

Schema = dict[str, Any]

_ID = "https://github.com/fairlift/fairlift/blob/main/docs/campaigns.md#the-project-file"
_SERVER: Schema = {
    "type": "string",
    "pattern": r"^((dns|ipv4|ipv6|unix|unix-abstract|xds):.+|[^/@]+:\d+)$",
}
_DESCRIPTIONS = {
    "server": "HOST:PORT, for commands that are given no other server.",
    "environments": "Servers that `--env NAME` chooses, by name.",
    "defaults": "What campaigns take over that do not say it themselves.",
    "levels": "Levels of rules by their ids.",
    "naming": "A regular expression that the id of every campaign must match as a whole.",
    "attributes": "What storefronts send, with types; no other attribute may be declared.",
    "labels": "Labels that every campaign must have.",
}


def project_schema() -> str:
    """The text of the schema."""
    campaign = json.loads(editor_schema())
    definitions: dict[str, Schema] = campaign["definitions"]
    defaults = _some_of(definitions["Campaign"], DEFAULTS)
    defaults["properties"]["plan"] = _some_of(definitions["Plan"], PLAN_DEFAULTS)
    values: dict[str, Schema] = {
        "server": _SERVER,
        "environments": _environments(),
        "defaults": defaults,
        "levels": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                rule.id: {"enum": ["error"] if rule.is_fixed else [str(level) for level in Level]}
                for rule in rules().values()
            },
        },
        "naming": {"type": "string", "format": "regex"},
        "attributes": _mapping_of({"enum": [str(kind) for kind in AttributeType]}),
        "labels": {"type": "array", "items": {"type": "string"}},
    }
    schema: Schema = {
        "$schema": campaign["$schema"],
        "$id": _ID,
        "title": "Fairlift project",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": _DESCRIPTIONS[key]} | values[key] for key in KEYS},
        "definitions": definitions,
    }
    return json.dumps(schema, indent=1) + "\n"


def _some_of(definition: Schema, keys: frozenset[str]) -> Schema:
    properties = definition["properties"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: properties[key] for key in sorted(keys)},
    }


def _mapping_of(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def _environments() -> Schema:
    token = {
        "description": "The name of a variable, or a file's path; never the token itself.",
        "anyOf": [
            {
                "type": "string",
                "pattern": f"^{VARIABLE.pattern}$",
                "not": {"pattern": RANDOM.pattern},
            },
            {"type": "string", "pattern": f"^{PATH.pattern}$"},
        ],
    }
    ca = {"description": "Path of the CA certificate to trust, in PEM format.", "type": "string"}
    values: dict[str, Schema] = {"server": _SERVER, "token": token, "ca": ca}
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["server"],
            "properties": {key: values[key] for key in ENVIRONMENT_KEYS},
        },
    }
