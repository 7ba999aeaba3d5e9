"""Writes decisions/audience-*.json: each operator with visitors inside and outside."""

from typing import Any

from tests.golden.make_decisions import Json, campaign, case, control, snapshot, write

S, N, B, T = "stringValue", "numberValue", "boolValue", "timeValue"


def value(kind: str, content: Any) -> Json:
    return {kind: content}


def texts(*values: str) -> Json:
    return {"listValue": {"values": list(values)}}


def compare(op: str, wanted: Json, attribute: str = "x") -> Json:
    return {"compare": {"attribute": attribute, "op": f"COMPARISON_{op}", "value": wanted}}


def text(op: str, wanted: str) -> Json:
    return {"text": {"attribute": "x", "op": f"OP_{op}", "value": wanted}}


def version(op: str, wanted: str) -> Json:
    return {"version": {"attribute": "x", "op": f"COMPARISON_{op}", "value": wanted}}


# Condition, visitors inside by x, visitors outside by x; None: x is not there.
Row = tuple[str, Json, list[Json], list[Json | None]]

_NOON = "2026-11-20T12:00:00Z"
_LATER = "2026-11-20T12:00:00.001Z"
ROWS: dict[str, list[Row]] = {
    "equality": [
        (
            "== text",
            compare("EQ", value(S, "ES")),
            [value(S, "ES")],
            [value(S, "es"), value(S, ""), value(N, 1), None],
        ),
        (
            "== number",
            compare("EQ", value(N, 1)),
            [value(N, 1), value(N, 1.0)],
            [value(B, True), value(S, "1"), value(N, 1.5), None],
        ),
        (
            "== true",
            compare("EQ", value(B, True)),
            [value(B, True)],
            [value(B, False), value(N, 1), value(S, "true"), None],
        ),
        (
            "== false",
            compare("EQ", value(B, False)),
            [value(B, False)],
            [value(B, True), value(N, 0), None],
        ),
        (
            "== time",
            compare("EQ", value(T, _NOON)),
            [value(T, _NOON)],
            [value(T, _LATER), value(S, _NOON), None],
        ),
        (
            "!= text",
            compare("NE", value(S, "ES")),
            [value(S, "RO"), value(N, 1), texts("ES")],
            [value(S, "ES"), None],
        ),
        (
            "!= number",
            compare("NE", value(N, 0)),
            [value(N, 1), value(B, False)],
            [value(N, 0), None],
        ),
        (
            "in",
            {"in": {"attribute": "x", "values": [value(S, "ES"), value(N, 1)]}},
            [value(S, "ES"), value(N, 1)],
            [value(B, True), value(S, "1"), texts("ES"), None],
        ),
        (
            "in with true",
            {"in": {"attribute": "x", "values": [value(B, True)]}},
            [value(B, True)],
            [value(N, 1), None],
        ),
        (
            "not in",
            {"in": {"attribute": "x", "values": [value(S, "ES")], "negated": True}},
            [value(S, "RO"), value(N, 0), texts("ES")],
            [value(S, "ES"), None],
        ),
        (
            "in times",
            {"in": {"attribute": "x", "values": [value(T, _NOON)]}},
            [value(T, _NOON)],
            [value(T, _LATER), None],
        ),
    ],
    "order": [
        (
            "<",
            compare("LT", value(N, 30)),
            [value(N, 29.99), value(N, -1)],
            [value(N, 30), value(S, "29"), value(B, False), None],
        ),
        (
            "<=",
            compare("LE", value(N, 30)),
            [value(N, 30)],
            [value(N, 30.01), value(B, True), None],
        ),
        (">", compare("GT", value(N, 30)), [value(N, 30.01)], [value(N, 30), value(S, "31"), None]),
        (
            ">=",
            compare("GE", value(N, 0)),
            [value(N, 0), value(N, 1e300)],
            [value(N, -0.01), value(B, True), texts("1"), None],
        ),
        (
            "time <",
            compare("LT", value(T, _LATER)),
            [value(T, _NOON)],
            [value(T, _LATER), value(N, 0), None],
        ),
        (
            "time >=",
            compare("GE", value(T, _NOON)),
            [value(T, _NOON), value(T, _LATER)],
            [value(T, "2026-11-20T11:59:59Z"), value(S, _NOON), None],
        ),
        (
            "between numbers",
            {"between": {"attribute": "x", "low": value(N, 30), "high": value(N, 50)}},
            [value(N, 30), value(N, 42.5), value(N, 50)],
            [value(N, 29.99), value(N, 50.01), value(S, "40"), None],
        ),
        (
            "between times",
            {"between": {"attribute": "x", "low": value(T, _NOON), "high": value(T, _LATER)}},
            [value(T, _NOON), value(T, _LATER)],
            [value(T, "2026-11-20T12:00:00.002Z"), value(N, 5), None],
        ),
    ],
    "text": [
        (
            "contains",
            text("CONTAINS", "vi"),
            [value(S, "vip"), value(S, "levi")],
            [value(S, "VIP"), value(N, 1), None],
        ),
        (
            "contains, of a list",
            text("CONTAINS", "vip"),
            [texts("new", "vip")],
            [texts("vips"), texts(), None],
        ),
        (
            "starts with",
            text("PREFIX", "ES"),
            [value(S, "ES"), value(S, "ES-MD")],
            [value(S, "MD-ES"), texts("ES"), None],
        ),
        (
            "ends with",
            text("SUFFIX", "@x.es"),
            [value(S, "ana@x.es")],
            [value(S, "ana@x.es "), value(S, "x.es"), None],
        ),
        ("beyond ASCII", text("CONTAINS", "ñ"), [value(S, "señal")], [value(S, "senal"), None]),
        (
            "exists",
            {"exists": {"attribute": "x"}},
            [value(S, ""), value(N, 0), value(B, False), texts()],
            [None, {}],
        ),
    ],
    # Pairs in the order of semver.org 2.0.0, section 11.
    "version": [
        (
            "==",
            version("EQ", "1.2.0"),
            [value(S, "1.2.0"), value(S, "v1.2"), value(S, "1.2.0+build")],
            [value(S, "1.2.1"), value(S, "1.2.0-rc.1"), value(S, "one"), value(N, 1.2), None],
        ),
        (
            "!=",
            version("NE", "1.2.0"),
            [value(S, "1.2.1")],
            [value(S, "1.2"), value(S, "one"), None],
        ),
        (
            ">",
            version("GT", "1.9.0"),
            [value(S, "1.10.0"), value(S, "2.0.0-alpha")],
            [value(S, "1.9.0"), value(S, "1.9.0-rc.1"), value(S, ""), None],
        ),
        (
            ">=",
            version("GE", "1.0.0-alpha.1"),
            [
                value(S, "1.0.0-alpha.1"),
                value(S, "1.0.0-alpha.beta"),
                value(S, "1.0.0-rc.1"),
                value(S, "1.0.0"),
            ],
            [value(S, "1.0.0-alpha"), value(S, "0.9.9"), None],
        ),
        (
            "<",
            version("LT", "1.0.0-beta.11"),
            [value(S, "1.0.0-beta.2"), value(S, "1.0.0-beta")],
            [value(S, "1.0.0-beta.11"), value(S, "1.0.0-rc.1"), None],
        ),
        (
            "<=",
            version("LE", "2"),
            [value(S, "2.0.0"), value(S, "2")],
            [value(S, "2.0.1"), value(S, "2.0.0.0"), None],
        ),
    ],
    "logic": [
        (
            "all of",
            {"allOf": {"conditions": [compare("GE", value(N, 30)), compare("LT", value(N, 50))]}},
            [value(N, 30), value(N, 49)],
            [value(N, 50), value(N, 29), None],
        ),
        ("all of nothing", {"allOf": {}}, [value(N, 1)], []),
        (
            "any of",
            {"anyOf": {"conditions": [compare("LT", value(N, 10)), compare("GT", value(N, 90))]}},
            [value(N, 9), value(N, 91)],
            [value(N, 10), value(N, 50), None],
        ),
        ("any of nothing", {"anyOf": {}}, [], [value(N, 1), None]),
        (
            "not",
            {"not": compare("EQ", value(S, "ES"))},
            [value(S, "RO"), value(N, 1)],
            [value(S, "ES")],
        ),
        (
            "not of <, which a text never is",
            {"not": compare("LT", value(N, 10))},
            [value(S, "5"), value(N, 10)],
            [value(N, 9)],
        ),
        (
            "three deep",
            {
                "not": {
                    "anyOf": {
                        "conditions": [
                            {"not": compare("EQ", value(N, 1))},
                            compare("EQ", value(N, 2)),
                        ]
                    }
                }
            },
            [value(N, 1)],
            [value(N, 2), value(N, 3), None],
        ),
    ],
}


def main() -> None:
    """One file for each family of operators."""
    for family, rows in ROWS.items():
        campaigns, cases = [], []
        for index, (says, condition, inside, outside) in enumerate(rows):
            name = f"c{index}"
            campaigns.append(campaign(name, audience=condition))
            expected: list[tuple[Json, Json | None, str]] = [
                ({"reason": "assigned"}, x, "in") for x in inside
            ]
            expected += [(control("not_in_audience"), x, "out") for x in outside]
            cases += [
                case(
                    f"{says}: {where}",
                    expect,
                    campaign=name,
                    attributes={} if x is None else {"x": x},
                )
                for expect, x, where in expected
            ]
        write(f"audience-{family}", f"Conditions: {family}.", snapshot(*campaigns), cases)


if __name__ == "__main__":
    main()
