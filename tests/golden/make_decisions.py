"""Writes decisions/*.json: the expectations by hand, the units found with the reference hash.

A case never asks the engine what it does: it says which bucket a unit must have, looks for such a
unit with the reference murmur3, and states what the rules then demand.
"""

import json
from itertools import count
from pathlib import Path
from typing import Any

from tests.golden.murmur3 import reference_bucket

Json = dict[str, Any]
NOW = "2026-11-20T12:00:00Z"
TRAFFIC, VARIANTS = "5f0e7a9c31d2", "b81d6c20ef47"
FOLDER = Path(__file__).with_name("decisions")


def unit(**buckets: tuple[int, int]) -> str:
    """The first visitor whose bucket under each salt lies in [low, high)."""
    return next(
        name
        for name in (f"visitor-{index}" for index in count())
        if all(low <= reference_bucket(salt, name) < high for salt, (low, high) in buckets.items())
    )


def campaign(name: str = "c", **changes: Any) -> Json:
    """A running campaign of two equal variants for everybody."""
    body: Json = {
        "name": f"campaigns/{name}",
        "unit": "UNIT_KIND_VISITOR",
        "trafficBps": 10000,
        "variants": [{"id": "a", "weight": 1}, {"id": "b", "weight": 1}],
        "state": "CAMPAIGN_STATE_RUNNING",
        "epoch": 1,
        "hashVersion": 1,
    }
    return {
        "campaign": body | changes,
        "trafficSalt": TRAFFIC,
        "variantsSalt": VARIANTS,
        "identityPolicy": "IDENTITY_POLICY_AS_ASSIGNED",
    }


def snapshot(*campaigns: Json, **more: Any) -> Json:
    """A snapshot of these campaigns."""
    return {"etag": "golden", "createTime": NOW, "campaigns": list(campaigns)} | more


def case(says: str, expect: Json, *, visitor: str = "visitor-1", **given: Any) -> Json:
    """One decision; only the fields named in `expect` are compared."""
    request: Json = {"visitorId": visitor, "campaign": "c", "now": NOW, "attributes": {}}
    return {"says": says, "request": request | given, "expect": expect}


def write(name: str, says: str, state: Json, cases: list[Json], **more: Any) -> None:
    """One file of cases that share a snapshot."""
    content = {"says": says, "snapshot": state, "cases": cases} | more
    text = json.dumps(content, indent=1, ensure_ascii=True)
    (FOLDER / f"{name}.json").write_text(f"{text}\n")


def assigned(variant: str) -> Json:
    return {"variant": variant, "reason": "assigned"}


def control(reason: str) -> Json:
    return {"variant": "a", "control": True, "reason": reason}


def weights() -> None:
    three = campaign(
        variants=[
            {"id": "a", "weight": 1},
            {"id": "b", "weight": 1, "control": True},
            {"id": "c", "weight": 2, "payload": {"threshold": 50, "codes": ["X"], "on": True}},
        ],
        epoch=3,
    )
    # Limits: ceil(10000 · 1/4), ceil(10000 · 2/4), 10000.
    at = {name: unit(**{VARIANTS: bounds}) for name, bounds in _QUARTERS.items()}
    payload = {"threshold": 50, "codes": ["X"], "on": True}
    cases = [
        case("first bucket of a", assigned("a") | {"control": False, "epoch": 3}, visitor=at["0"]),
        case("last bucket of a", assigned("a"), visitor=at["2499"]),
        case("first bucket of b", assigned("b") | {"control": True}, visitor=at["2500"]),
        case("last bucket of b", assigned("b"), visitor=at["4999"]),
        case("first bucket of c", assigned("c") | {"payload": payload}, visitor=at["5000"]),
        case("last bucket of c", assigned("c"), visitor=at["9999"]),
        case(
            "non-ASCII id",
            {"reason": "assigned", "unitId": "señora-ñ-日本"},
            visitor="señora-ñ-日本",
        ),
        case("256 characters are an id", {"reason": "assigned"}, visitor="x" * 256),
        case(
            "257 are none",
            {"variant": "b", "control": True, "reason": "no_unit"},
            visitor="x" * 257,
        ),
        case("no id at all", {"variant": "b", "reason": "no_unit"}, visitor=""),
        case("a control character", {"variant": "b", "reason": "no_unit"}, visitor="a\nb"),
        case("the last control character", {"reason": "no_unit"}, visitor="a\x9fb"),
        case("a space that cannot be printed", {"reason": "assigned"}, visitor="a\u00a0b"),
    ]
    write("weights", "Buckets are shared out by weight, in order.", snapshot(three), cases)


_QUARTERS = {
    name: (int(name), int(name) + 1) for name in ("0", "2499", "2500", "4999", "5000", "9999")
}


def traffic() -> None:
    ramp = campaign(trafficBps=2000)
    inside = unit(**{TRAFFIC: (1999, 2000), VARIANTS: (5000, 10000)})
    outside = unit(**{TRAFFIC: (2000, 2001), VARIANTS: (5000, 10000)})
    cases = [
        case("last bucket inside", assigned("b"), visitor=inside),
        case("first bucket outside", control("not_in_traffic"), visitor=outside),
        case("no traffic at all", control("not_in_traffic"), campaign="closed"),
        case("ramped up, the same variant", assigned("b"), visitor=inside, campaign="wider"),
        case("ramped up, now inside", assigned("b"), visitor=outside, campaign="wider"),
    ]
    state = snapshot(ramp, campaign("closed", trafficBps=0), campaign("wider", trafficBps=9000))
    write("traffic", "Traffic has a salt of its own: a ramp-up moves nobody.", state, cases)


def layers() -> None:
    salt = "11aa22bb33cc"
    state = snapshot(
        campaign("left", layer={"layer": "popups", "startBps": 0, "sizeBps": 4000}),
        campaign("right", layer={"layer": "popups", "startBps": 4000, "sizeBps": 6000}),
        layers=[{"layer": "popups", "salt": salt}],
    )
    low = unit(**{salt: (3999, 4000), VARIANTS: (0, 5000)})
    high = unit(**{salt: (4000, 4001), VARIANTS: (5000, 10000)})
    cases = [
        case("left gets its last bucket", assigned("a"), visitor=low, campaign="left"),
        case("so right does not", control("other_layer"), visitor=low, campaign="right"),
        case("right gets its first bucket", assigned("b"), visitor=high, campaign="right"),
        case("so left does not", control("other_layer"), visitor=high, campaign="left"),
    ]
    write("layers", "A visitor enters at most one campaign of a layer.", state, cases)


def holdout() -> None:
    salt = "99ff88ee77dd"
    es = {
        "compare": {"attribute": "country", "op": "COMPARISON_EQ", "value": {"stringValue": "ES"}}
    }
    state = snapshot(campaign(audience=es), holdout={"shareBps": 500, "salt": salt})
    kept_out = unit(**{salt: (499, 500)})
    let_in = unit(**{salt: (500, 501), VARIANTS: (5000, 10000)})
    spain = {"country": {"stringValue": "ES"}}
    cases = [
        case("last bucket of the holdout", control("holdout"), visitor=kept_out, attributes=spain),
        case("first bucket after it", assigned("b"), visitor=let_in, attributes=spain),
        case("the audience comes first", control("not_in_audience"), visitor=kept_out),
    ]
    write("holdout", "A share of all units is kept out of every campaign.", state, cases)


def overrides() -> None:
    mine: Json = {"overrides": {"tester": "b", "customer-9": "b"}, "trafficBps": 0}
    state = snapshot(
        campaign(**mine),
        campaign("paused", **mine, state="CAMPAIGN_STATE_PAUSED"),
        campaign("stopped", **mine, state="CAMPAIGN_STATE_STOPPED"),
        campaign("later", **mine, schedule={"startTime": "2027-01-01T00:00:00Z"}),
        campaign("people", **mine, unit="UNIT_KIND_CUSTOMER"),
    )
    forced = {"variant": "b", "reason": "override"}
    bot = {"is_bot": {"boolValue": True}}
    cases = [
        case("past the traffic", forced, visitor="tester"),
        case("past the pause", forced, visitor="tester", campaign="paused"),
        case("before the start", forced, visitor="tester", campaign="later"),
        case("even as a bot", forced, visitor="tester", attributes=bot),
        case("not past the end", control("ended"), visitor="tester", campaign="stopped"),
        case("not for others", control("not_in_traffic"), visitor="testers"),
        case("by the customer", forced, customerId="customer-9", campaign="people"),
        case(
            "not by the visitor where customers count",
            control("no_unit"),
            visitor="tester",
            campaign="people",
        ),
    ]
    write("overrides", "Named units get the variant they are to check.", state, cases)


def states() -> None:
    window = {"startTime": "2026-11-20T12:00:00Z", "endTime": "2026-11-27T12:00:00Z"}
    state = snapshot(
        campaign("paused", state="CAMPAIGN_STATE_PAUSED"),
        campaign("stopped", state="CAMPAIGN_STATE_STOPPED"),
        campaign("draft", state="CAMPAIGN_STATE_DRAFT"),
        campaign("archived", state="CAMPAIGN_STATE_ARCHIVED"),
        campaign("scheduled", schedule=window),
        campaign("future", hashVersion=99),
    )
    b = unit(**{VARIANTS: (5000, 10000)})

    def at(now: str, expect: Json, says: str) -> Json:
        return case(says, expect, visitor=b, campaign="scheduled", now=now)

    cases = [
        case("paused", control("paused"), visitor=b, campaign="paused"),
        case("stopped", control("ended"), visitor=b, campaign="stopped"),
        case("draft", control("not_started"), visitor=b, campaign="draft"),
        case("archived", control("ended"), visitor=b, campaign="archived"),
        case("unknown", {"reason": "unknown_campaign", "control": True}, campaign="nowhere"),
        case("a hash version from the future", control("error"), visitor=b, campaign="future"),
        at("2026-11-20T11:59:59.999Z", control("not_started"), "just before the start"),
        at("2026-11-20T12:00:00Z", assigned("b"), "at the start"),
        at("2026-11-27T11:59:59.999Z", assigned("b"), "just before the end"),
        at("2026-11-27T12:00:00Z", control("ended"), "at the end"),
    ]
    write("states", "State and schedule come before anything about the visitor.", state, cases)


def prerequisites() -> None:
    base = campaign("base", trafficBps=5000)
    needs_b = campaign("next", prerequisites=[{"campaign": "campaigns/base", "variants": ["b"]}])
    needs_b["variantsSalt"] = "0c0c0c0c0c0c"
    missing = campaign("lost", prerequisites=[{"campaign": "campaigns/gone", "variants": ["a"]}])
    ring = [
        campaign(one, prerequisites=[{"campaign": f"campaigns/{other}", "variants": ["a", "b"]}])
        for one, other in (("egg", "hen"), ("hen", "egg"))
    ]
    takes_control = campaign(
        "any", prerequisites=[{"campaign": "campaigns/base", "variants": ["a"]}]
    )
    second = {"0c0c0c0c0c0c": (5000, 10000)}
    met = unit(**{TRAFFIC: (0, 5000), VARIANTS: (5000, 10000)}, **second)
    other = unit(**{TRAFFIC: (0, 5000), VARIANTS: (0, 5000)}, **second)
    out = unit(**{TRAFFIC: (5000, 10000), VARIANTS: (0, 5000)}, **second)
    cases = [
        case("has the variant", assigned("b"), visitor=met, campaign="next"),
        case("has another", control("prerequisite"), visitor=other, campaign="next"),
        case("got the control by weight", assigned("a"), visitor=other, campaign="any"),
        case(
            "got the control for want of traffic",
            control("prerequisite"),
            visitor=out,
            campaign="any",
        ),
        case(
            "of a campaign that is not there", control("prerequisite"), visitor=met, campaign="lost"
        ),
        case("in a circle", control("prerequisite"), visitor=met, campaign="hen"),
    ]
    state = snapshot(base, needs_b, takes_control, missing, *ring)
    write("prerequisites", "A campaign may build on a variant of another.", state, cases)


def identities() -> None:
    sticky = campaign("sticky")
    sticky["identityPolicy"] = "IDENTITY_POLICY_FIRST_SEEN"
    excluded = campaign("excluded")
    excluded["identityPolicy"] = "IDENTITY_POLICY_EXCLUDE"
    state = snapshot(
        sticky, campaign("plain"), excluded, campaign("people", unit="UNIT_KIND_CUSTOMER")
    )
    in_a = unit(**{VARIANTS: (0, 5000)})
    in_b = unit(**{VARIANTS: (5000, 10000)})
    both = {"visitor": in_b, "customerId": "ana"}
    cases = [
        case("before login", assigned("a"), visitor=in_a, campaign="sticky"),
        case(
            "after login elsewhere, as first seen",
            assigned("a") | {"unitId": in_a},
            **both,
            campaign="sticky",
        ),
        case(
            "a customer not seen before",
            assigned("b"),
            visitor=in_b,
            customerId="eva",
            campaign="sticky",
        ),
        case("as assigned", assigned("b") | {"unitId": in_b}, **both, campaign="plain"),
        case("exclude decides as assigned", assigned("b"), **both, campaign="excluded"),
        case("customers count", {"unitId": "ana", "reason": "assigned"}, **both, campaign="people"),
        case("nobody logged in", control("no_unit"), visitor=in_a, campaign="people"),
        case(
            "customer as first seen, without a cookie",
            assigned("a"),
            visitor="",
            customerId="ana",
            campaign="sticky",
        ),
    ]
    says = "Who logs in keeps the variant of the first visit, when the campaign asks for it."
    write("identities", says, state, cases, firstSeen={"ana": in_a})


def bots() -> None:
    b = unit(**{VARIANTS: (5000, 10000)})

    def seen(says: str, expect: Json, **attributes: Json) -> Json:
        return case(says, expect, visitor=b, attributes=attributes)

    crawler = {
        "stringValue": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://google.com/bot.html)"
    }
    phone = {"stringValue": "Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 20) Chrome/119.0 Mobile"}
    cases = [
        seen("declared", control("bot"), is_bot={"boolValue": True}),
        seen("declared not to be", assigned("b"), is_bot={"boolValue": False}),
        seen("a word is no declaration", assigned("b"), is_bot={"stringValue": "true"}),
        seen("by its user agent", control("bot"), user_agent=crawler),
        seen("a phone whose name sounds like one", assigned("b"), user_agent=phone),
        seen("a user agent that is no text", assigned("b"), user_agent={"numberValue": 1}),
        seen("nothing known", assigned("b")),
    ]
    write("bots", "Bots get the control.", snapshot(campaign()), cases)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for make in (
        weights,
        traffic,
        layers,
        holdout,
        overrides,
        states,
        prerequisites,
        identities,
        bots,
    ):
        make()
