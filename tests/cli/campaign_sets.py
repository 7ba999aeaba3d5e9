"""Hypothesis strategies for campaign files: plain ones, doubtful ones, and ones with mistakes."""

import random
from typing import Any

import yaml
from hypothesis import strategies as st

GOOD_IDS = ["a", "b", "popup", "wheel-2"]
IDS = st.sampled_from(GOOD_IDS) | st.sampled_from(["A", "", "1a", "x" * 64, "-a"])
BPS = st.sampled_from([0, 1, 1_000, 5_000, 9_999, 10_000]) | st.sampled_from([-1, 10_001])
METRICS = st.sampled_from(
    ["conversion_rate", "average_ticket", "revenue_per_visitor", "clv_90", "nps", "own"]
) | st.sampled_from(["conversion", "retention_d9_3", "clv_0"])
SHARES = st.sampled_from([0.01, 0.05, 0.5, "3%"]) | st.sampled_from([0, -1, 1, 11])


def usually(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Seven times in eight the first; so that whole sets are often without any mistake."""
    return st.integers(0, 7).flatmap(lambda number: bad if number == 7 else good)


def sometimes(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def planned(draw: st.DrawFn, *, role: str) -> dict[str, Any]:
    metric: dict[str, Any] = {
        "metric": draw(usually(METRICS.filter(lambda m: m != "own"), METRICS))
    }
    if role == "primary":
        metric["minimum_effect"] = draw(usually(st.sampled_from([0.05, 0.2]), SHARES))
    if role == "guardrails":
        metric[draw(st.sampled_from(["margin", "absolute_margin"]))] = draw(
            usually(st.sampled_from([0.05, 0.2]), SHARES)
        )
    return metric | draw(sometimes(window_days=usually(st.just(7), st.sampled_from([-1, 731]))))


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "primary": draw(st.lists(planned(role="primary"), min_size=1, max_size=2)),
        "planned_units": draw(usually(st.just(40_000), st.sampled_from([0, -5, 1]))),
    }
    rest = sometimes(
        guardrails=st.lists(planned(role="guardrails"), max_size=2),
        secondary=st.lists(planned(role="secondary"), max_size=2),
        alpha=usually(st.sampled_from([0.05, 0.5]), st.sampled_from([0, 0.6, -1])),
        power=usually(st.just(0.9), st.sampled_from([0.4, 1])),
        minimum_days=usually(st.sampled_from([1, 7, 10]), st.sampled_from([0, 29, 731])),
        maximum_days=usually(st.sampled_from([28, 56]), st.sampled_from([30, 0, 735])),
        segments=usually(st.just(["device"]), st.sampled_from([["a b"], ["x", "x"], []])),
        covariate_days=usually(st.just(28), st.just(-1)),
        stopping=usually(
            st.sampled_from(["yeast", "fixed_horizon", "always_valid"]),
            st.sampled_from(
                [
                    "exact_conversion",
                    {"expected_loss": {"threshold": 0.001, "prior_sd": 0.03}},
                    {"expected_loss": {"threshold": 0, "prior_sd": 3}},
                    {"group_sequential": {"success": {"power": {"rho": 30}}}},
                ]
            ),
        ),
        metrics=usually(
            st.just([{"name": "own", "mean": {"of": "orders"}}]),
            st.sampled_from(
                [
                    [{"name": "Own", "mean": {"of": "orders"}}],
                    [{"name": "own"}],
                    [{"name": "nps", "rate": {"of": "orders"}}],
                    [{"name": "own", "quantile": {"of": "revenue", "at": 2}}],
                ]
            ),
        ),
    )
    return plan | draw(rest)


@st.composite
def variants(draw: st.DrawFn) -> list[dict[str, Any]]:
    one = st.fixed_dictionaries(
        {"id": usually(st.sampled_from(GOOD_IDS), IDS)},
        optional={
            "weight": usually(st.sampled_from([1, 2, 1_000_000]), st.sampled_from([0, 1_000_001])),
            "control": st.booleans(),
            "payload": st.sampled_from([{}, {"coupon": "A"}, {"coupon": "a", "n": 1}, {"n": "1"}]),
        },
    )
    unique = st.lists(one, min_size=2, max_size=4, unique_by=lambda variant: variant["id"])
    found: list[dict[str, Any]] = draw(usually(unique, st.lists(one, max_size=3)))
    return found


@st.composite
def campaigns(draw: st.DrawFn) -> dict[str, Any]:
    campaign: dict[str, Any] = {
        "campaign": draw(usually(st.sampled_from(["one", "two", "three", "four", "five"]), IDS)),
        "variants": draw(variants()),
    }
    slices = st.fixed_dictionaries(
        {"layer": st.sampled_from(["page", "pages"]), "start_bps": BPS, "size_bps": BPS}
    )
    good_slices = st.sampled_from([(0, 2_000), (2_000, 3_000), (5_000, 5_000)]).map(
        lambda part: {"layer": "page", "start_bps": part[0], "size_bps": part[1]}
    )
    requires = st.lists(
        st.fixed_dictionaries(
            {
                "campaign": st.sampled_from(["one", "two", "three", "four"]),
                "variants": st.lists(st.sampled_from(GOOD_IDS), max_size=2),
            }
        ),
        max_size=2,
    )
    rest = sometimes(
        unit=st.sampled_from(["visitor", "customer"]),
        traffic_bps=usually(st.just(5_000), BPS),
        audience=st.sampled_from(["vip", "not vip or exists(vip)", "a >= 2 and a < 1", "nobody"]),
        layer=usually(good_slices, slices),
        prerequisites=requires,
        overrides=usually(st.just({}), st.sampled_from([{"ana": "a"}, {"": "a"}, {"ana": "z"}])),
        time_zone=usually(st.just("Europe/Madrid"), st.just("Mars")),
        currency_code=usually(st.just("EUR"), st.just("euro")),
        display_name=usually(st.just("Popup"), st.just("x" * 121)),
        labels=usually(st.just({"owner": "crm"}), st.just({"x" * 64: "y"})),
        attributes=usually(st.just({"vip": "bool", "device": "string"}), st.just({"a b": "bool"})),
        schedule=usually(
            st.just({"end_time": "2036-01-01T00:00:00Z"}),
            st.just({"start_time": "2036-01-02T00:00:00Z", "end_time": "2036-01-01T00:00:00Z"}),
        ),
        plan=plans(),
    )
    return campaign | draw(rest)


def _is_whole(documents: list[dict[str, Any]]) -> bool:
    """Whether every campaign that another requires is in the set; else only a server knows it."""
    names = {document["campaign"] for document in documents}
    required = (one for document in documents for one in document.get("prerequisites", ()))
    return all(one["campaign"] in names for one in required)


SETS = st.lists(campaigns(), min_size=1, max_size=4).filter(_is_whole)


def text_of(documents: list[dict[str, Any]]) -> str:
    return str(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True))


def mutated(text: str, rng: random.Random, *, times: int) -> str:
    """The text with so many signs, words or lines changed, as hands and merges do."""
    for _ in range(times):
        lines = text.split("\n")
        number = rng.randrange(len(lines))
        line = lines[number]
        match rng.randrange(9):
            case 0:
                lines.insert(number, line)
            case 1:
                del lines[number]
            case 2:
                lines[number] = " " * rng.randrange(4) + line
            case 3:
                lines[number] = line.replace(":", rng.choice(["", ": {", ": [", "::", ": &a "]), 1)
            case 4:
                at = rng.randrange(len(line) + 1)
                lines[number] = line[:at] + rng.choice("\t{}[]#'\"&*!|>%@\x00é-:0 ") + line[at:]
            case 5:
                at = rng.randrange(len(line) + 1)
                lines[number] = line[:at] + line[at + 1 :]
            case 6:
                words = line.split(" ")
                rng.shuffle(words)
                lines[number] = " ".join(words)
            case 7:
                other = rng.randrange(len(lines))
                lines[number], lines[other] = lines[other], line
            case _:
                wrong = ["-1", "1e400", "null", "''", "[]", "{}", "true", "NaN", "50%", "x" * 300]
                lines[number] = line.partition(":")[0] + ": " + rng.choice(wrong)
        text = "\n".join(lines)
    return text
