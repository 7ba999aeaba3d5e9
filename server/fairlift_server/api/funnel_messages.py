"""Funnels as the contract's FunnelStep: how many units came how far."""

from collections.abc import Iterator, Mapping

from fairlift.v1 import results_service_pb2 as pb

from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import FrozenLook, Summaries

Steps = Mapping[str, tuple[pb.MetricResult.FunnelStep, ...]]


def funnel_steps(plan: AnalysisPlan, look: FrozenLook) -> Steps:
    """By metric, the steps of the plan's funnels as of a look."""
    return {
        name: tuple(_steps(plan, name, look.summaries[plan.maturity[name]]))
        for name in plan.funnels
    }


def _steps(
    plan: AnalysisPlan, name: str, summaries: Summaries
) -> Iterator[pb.MetricResult.FunnelStep]:
    before: dict[str, int] = {}
    for step in plan.funnels[name]:
        reached = {arm: round(summaries[arm].sum(step.column)) for arm in plan.arms}
        yield pb.MetricResult.FunnelStep(
            name=step.name,
            arms=(
                pb.MetricResult.ArmStep(
                    variant=arm,
                    units=reached[arm],
                    share=_share(reached[arm], summaries[arm].n),
                    share_of_previous=_share(reached[arm], before.get(arm, 0)),
                )
                for arm in plan.arms
            ),
        )
        before = reached


def _share(units: int, of: int) -> float | None:
    return units / of if of else None
