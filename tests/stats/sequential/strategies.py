"""Hypothesis strategies for sequential analysis."""

from fairlift_stats.sequential.group_sequential.spending import Spending
from hypothesis import strategies as st

levels = st.floats(0.001, 0.2)
spendings = st.one_of(
    st.just(Spending("lan_demets_obf")),
    st.just(Spending("lan_demets_pocock")),
    st.floats(-8, 4).map(lambda gamma: Spending("hsd", gamma)),
    st.floats(0.5, 4).map(lambda rho: Spending("power", rho)),
)


def _rising(steps: list[float]) -> tuple[float, ...]:
    total, times = 0.0, []
    for step in steps:
        total += step
        times.append(total)
    return (*(t / total for t in times[:-1]), 1.0)


times = st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8).map(_rising)
