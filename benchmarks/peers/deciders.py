"""Peers' SDKs with the same campaigns: three variants, one rule on two attributes.

Each function sets one SDK up without a network and returns `decide(campaign, visitor) -> variant`,
which does what a storefront has to do for one answer: build the SDK's own context, and ask.
Unleash and flagd are measured at their evaluation cores, which is faster than their whole clients.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Decide = Callable[[str, str], str]
COUNTRY, CART_VALUE = "ES", 45.0
ATTRIBUTES = {"country": COUNTRY, "cart_value": CART_VALUE}
_VARIANTS = "abc"


def eppo(campaigns: int) -> Decide:
    """eppo-server-sdk (a Rust core), with an assignment logger as its users have."""
    import eppo_client
    from eppo_client.assignment_logger import AssignmentLogger

    class Logger(AssignmentLogger):  # type: ignore[misc]  # theirs has no type here
        def log_assignment(self, assignment_event: Any) -> None:
            """Takes the assignment, and does nothing."""

    configuration = eppo_client.Configuration(flags_configuration=eppo_flags(campaigns))
    client = eppo_client.init(
        eppo_client.ClientConfig(
            api_key="none",
            base_url="http://127.0.0.1:1",
            assignment_logger=Logger(),
            initial_configuration=configuration,
            poll_interval_seconds=None,
        )
    )
    ask = client.get_string_assignment
    return lambda campaign, visitor: str(ask(campaign, visitor, ATTRIBUTES, "none"))


def eppo_flags(campaigns: int) -> bytes:
    """The campaigns as Eppo's clients read them."""
    conditions = [
        {"attribute": "country", "operator": "ONE_OF", "value": ["ES", "RO"]},
        {"attribute": "cart_value", "operator": "GTE", "value": 30},
    ]
    flags = {}
    for index in range(campaigns):
        splits = [
            {
                "variationKey": variant,
                "shards": [
                    {
                        "salt": f"s{index}",
                        "ranges": [
                            {"start": position * 3334, "end": min(position * 3334 + 3334, 10000)}
                        ],
                    }
                ],
            }
            for position, variant in enumerate(_VARIANTS)
        ]
        allocation = {
            "key": "all",
            "rules": [{"conditions": conditions}],
            "splits": splits,
            "doLog": True,
        }
        flags[f"c{index}"] = {
            "key": f"c{index}",
            "enabled": True,
            "variationType": "STRING",
            "variations": {name: {"key": name, "value": name} for name in _VARIANTS},
            "allocations": [allocation],
            "totalShards": 10000,
        }
    body = {
        "createdAt": "2026-01-01T00:00:00.000Z",
        "format": "SERVER",
        "environment": {"name": "bench"},
        "flags": flags,
    }
    return json.dumps(body).encode()


def growthbook(campaigns: int) -> Decide:
    """growthbook, with inline experiments."""
    from growthbook import GrowthBook

    features = {
        f"c{index}": {
            "defaultValue": "a",
            "rules": [
                {
                    "condition": {"country": {"$in": ["ES", "RO"]}, "cart_value": {"$gte": 30}},
                    "variations": list(_VARIANTS),
                    "weights": [0.3333, 0.3333, 0.3334],
                    "coverage": 1,
                    "hashAttribute": "id",
                    "hashVersion": 2,
                    "seed": f"s{index}",
                    "key": f"e{index}",
                }
            ],
        }
        for index in range(campaigns)
    }
    book = GrowthBook(features=features)

    def decide(campaign: str, visitor: str) -> str:
        book.set_attributes({"id": visitor, **ATTRIBUTES})
        return str(book.get_feature_value(campaign, "none"))

    return decide


def launchdarkly(campaigns: int) -> Decide:
    """launchdarkly-server-sdk, from a file, events off."""
    from ldclient import Config, Context
    from ldclient.client import LDClient
    from ldclient.integrations import Files

    clauses = [
        {"attribute": "country", "op": "in", "values": ["ES", "RO"]},
        {"attribute": "cart_value", "op": "greaterThanOrEqual", "values": [30]},
    ]
    flags = {}
    for index in range(campaigns):
        shares = [{"variation": position, "weight": 33333 + position // 2} for position in range(3)]
        rule = {
            "id": "r",
            "clauses": clauses,
            "rollout": {"kind": "experiment", "seed": index, "variations": shares},
        }
        flags[f"c{index}"] = {
            "key": f"c{index}",
            "version": 1,
            "on": True,
            "variations": list(_VARIANTS),
            "offVariation": 0,
            "fallthrough": {"variation": 0},
            "salt": f"s{index}",
            "rules": [rule],
        }
    path = Path(tempfile.mkdtemp()) / "flags.json"
    path.write_text(json.dumps({"flags": flags}))
    source = Files.new_data_source(paths=[str(path)])
    client = LDClient(Config("none", update_processor_class=source, send_events=False))

    def decide(campaign: str, visitor: str) -> str:
        builder = Context.builder(visitor).set("country", COUNTRY).set("cart_value", CART_VALUE)
        return str(client.variation(campaign, builder.build(), "none"))

    return decide


def unleash(campaigns: int) -> Decide:
    """The engine of UnleashClient (Rust)."""
    from yggdrasil_engine.engine import UnleashEngine

    constraints = [
        {"contextName": "country", "operator": "IN", "values": ["ES", "RO"]},
        {"contextName": "cart_value", "operator": "NUM_GTE", "value": "30"},
    ]
    variants = [
        {
            "name": name,
            "weight": 333 + position // 2,
            "payload": {"type": "string", "value": name},
            "stickiness": "userId",
        }
        for position, name in enumerate(_VARIANTS)
    ]
    features = [
        {
            "name": f"c{index}",
            "enabled": True,
            "strategies": [
                {
                    "name": "flexibleRollout",
                    "parameters": {
                        "rollout": "100",
                        "stickiness": "userId",
                        "groupId": f"g{index}",
                    },
                    "constraints": constraints,
                    "variants": variants,
                }
            ],
        }
        for index in range(campaigns)
    ]
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 2, "features": features}))
    properties = {"country": COUNTRY, "cart_value": str(CART_VALUE)}

    def decide(campaign: str, visitor: str) -> str:
        answer = engine.get_variant(campaign, {"userId": visitor, "properties": properties})
        return str(answer.variant.name)

    return decide


def flagd(campaigns: int) -> Decide:
    """openfeature-flagd-core, the in-process evaluator of OpenFeature's flagd."""
    from openfeature.contrib.tools.flagd.core import FlagdCore
    from openfeature.evaluation_context import EvaluationContext

    rule = {
        "and": [{"in": [{"var": "country"}, ["ES", "RO"]]}, {">=": [{"var": "cart_value"}, 30]}]
    }
    split = {"fractional": [["a", 33], ["b", 33], ["c", 34]]}
    flags = {
        f"c{index}": {
            "state": "ENABLED",
            "variants": {name: name for name in _VARIANTS},
            "defaultVariant": "a",
            "targeting": {"if": [rule, split, "a"]},
        }
        for index in range(campaigns)
    }
    core = FlagdCore()
    core.set_flags(json.dumps({"flags": flags}))

    def decide(campaign: str, visitor: str) -> str:
        context = EvaluationContext(visitor, {"country": COUNTRY, "cart_value": CART_VALUE})
        return str(core.resolve_string_value(campaign, "none", context).value)

    return decide


def statsig(campaigns: int) -> Decide:
    """statsig-python-core (Rust), from a data store, network and logging off."""
    from statsig_python_core import (
        DataStore,
        DataStoreResponse,
        Statsig,
        StatsigOptions,
        StatsigUser,
    )

    content = _statsig_specs(campaigns)

    class Store(DataStore):  # type: ignore[misc]  # theirs has no type here
        def get(self, key: str) -> Any:
            """The same specifications for any key."""
            del key
            return DataStoreResponse(result=content, time=int(time.time() * 1000))

    options = StatsigOptions()
    options.data_store = Store()
    options.disable_network = True
    options.disable_all_logging = True
    options.output_log_level = "none"
    client = Statsig("secret-none", options)
    client.initialize().wait()

    def decide(campaign: str, visitor: str) -> str:
        user = StatsigUser(visitor, custom={"country": COUNTRY, "cart_value": CART_VALUE})
        return str(client.get_experiment(user, campaign).get_string("variant", "none"))

    return decide


def _statsig_specs(campaigns: int) -> str:
    def condition(kind: str, operator: str, target: object, field: str | None, salt: str) -> Any:
        return {
            "type": kind,
            "operator": operator,
            "targetValue": target,
            "field": field,
            "additionalValues": {"salt": salt},
            "idType": "userID",
        }

    conditions = {
        "country": condition("user_field", "any", ["ES", "RO"], "country", ""),
        "cart": condition("user_field", "gte", 30, "cart_value", ""),
    }
    experiments = {}
    for index in range(campaigns):
        rules = []
        for position, variant in enumerate(_VARIANTS):
            bucket = f"bucket-{index}-{position}"
            limit = (333, 666, 1000)[position]
            conditions[bucket] = condition("user_bucket", "lt", limit, None, f"s{index}")
            rules.append(
                {
                    "name": variant,
                    "groupName": variant,
                    "id": variant,
                    "passPercentage": 100,
                    "conditions": ["country", "cart", bucket],
                    "returnValue": {"variant": variant},
                    "salt": "",
                    "idType": "userID",
                    "isExperimentGroup": True,
                }
            )
        experiments[f"c{index}"] = {
            "type": "dynamic_config",
            "entity": "experiment",
            "salt": f"s{index}",
            "enabled": True,
            "isActive": True,
            "defaultValue": {},
            "explicitParameters": ["variant"],
            "rules": rules,
            "idType": "userID",
            "version": 1,
        }
    empty: dict[str, object] = {}
    return json.dumps(
        {
            "dynamic_configs": experiments,
            "condition_map": conditions,
            "feature_gates": empty,
            "layer_configs": empty,
            "id_lists": empty,
            "layers": empty,
            "experiment_to_layer": empty,
            "param_stores": empty,
            "has_updates": True,
            "time": int(time.time() * 1000),
            "company_id": "bench",
            "response_format": "dcs-v2",
            "sdk_keys_to_app_ids": empty,
            "hashed_sdk_keys_to_app_ids": empty,
            "diagnostics": empty,
        }
    )


ALL: dict[str, Callable[[int], Decide]] = {
    "eppo-server-sdk": eppo,
    "statsig-python-core": statsig,
    "growthbook": growthbook,
    "launchdarkly-server-sdk": launchdarkly,
    "unleash engine": unleash,
    "flagd-core": flagd,
}
