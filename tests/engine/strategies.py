"""What Hypothesis draws for the engine's tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fairlift.engine.audience import (
    AllOf,
    AnyOf,
    Between,
    Compare,
    CompareOp,
    Condition,
    Exists,
    In,
    Not,
    Text,
    TextOp,
    Version,
)
from hypothesis import strategies as st

# Few names and values, so that conditions meet each other.
names = st.sampled_from(["country", "cart_value", "returning", "tags", "app", "seen"])
texts = st.sampled_from(["ES", "RO", "E", "S", "", "vip", "1", "true", "1.2.3", "2.0.0-rc.1"])
some_text = st.sampled_from(["ES", "RO", "E", "S", "vip", "1"])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.0, 30.0, 49.99, 1e17]))
times = st.integers(0, 3).map(lambda day: datetime(2026, 11, 20, tzinfo=UTC) + timedelta(day))
versions = st.sampled_from(["1.2.3", "1.2.3-rc.1", "1.2.4", "2", "2.0.0-rc.1", "v2.1", "0.9"])
scalars = st.one_of(texts, numbers, st.booleans(), times)
orders = st.sampled_from([CompareOp.LT, CompareOp.LE, CompareOp.GT, CompareOp.GE])
equalities = st.sampled_from([CompareOp.EQ, CompareOp.NE])


@st.composite
def betweens(draw: st.DrawFn) -> Between:
    kind = draw(st.sampled_from([numbers, times]))
    low, high = sorted([draw(kind), draw(kind)])
    return Between(draw(names), low, high)


leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Compare, names, equalities, scalars),
    st.builds(Compare, names, orders, st.one_of(numbers, times)),
    st.builds(In, names, st.lists(scalars, min_size=1, max_size=4).map(tuple), st.booleans()),
    betweens(),
    st.builds(Text, names, st.sampled_from(TextOp), some_text),
    st.builds(Version, names, st.sampled_from(CompareOp), versions),
    st.builds(Exists, names),
)


def _joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(st.builds(AllOf, several), st.builds(AnyOf, several), st.builds(Not, inner))


conditions: st.SearchStrategy[Condition] = st.recursive(leaves, _joined, max_leaves=8)

values = st.one_of(
    scalars,
    versions,
    st.none(),
    st.lists(texts, max_size=3),
    st.sampled_from(["ESRO", "xES", "RO-vip", float("nan")]),
    st.sampled_from(["49.99", "1.00", "0", "NaN"]).map(Decimal),
    times.map(lambda time: time.replace(tzinfo=None)),
)
attributes = st.dictionaries(names, values)

# Without half surrogate pairs, which no UTF-8 can hold.
units = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
salts = st.text("0123456789abcdef", min_size=8, max_size=32)
