"""Whether the data can be trusted, in messages."""

from dataclasses import dataclass
from enum import Enum

from fairlift_stats.messages import Listed, Message, Number, Percent, PValue, VariantName

from fairlift_server.results.analysis_plan import Study
from fairlift_server.results.look import Vital

# Above this share of mixed-up units something is wrong with how units are told apart.
_MANY_MIXED = 0.01


class Status(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check: its stable name, how it stands, and why; `evidence` is an e-value."""

    name: str
    status: Status
    message: Message
    value: float
    evidence: float | None = None


def checks(study: Study, vital: Vital) -> tuple[HealthCheck, ...]:
    """All checks, the gravest matter first; before anybody came there is less to check."""
    of_everybody = (_minimum_days(study, vital), _exposures(vital))
    if not sum(vital.units.values()) + sum(vital.contaminated.values()):
        return of_everybody
    return (_sample_ratio(study, vital), _contamination(vital), *of_everybody)


def _sample_ratio(study: Study, vital: Vital) -> HealthCheck:
    p, evidence = vital.chi_square_p, vital.split.largest
    if not (vital.split.warns or vital.split.blocks):
        message = Message.of("health.split_ok", p=PValue(p))
        return HealthCheck("sample_ratio", Status.OK, message, p, evidence)
    total = sum(vital.units.values())
    shares = tuple(
        Message.of(
            "health.share",
            variant=VariantName(arm),
            observed=Percent(vital.units[arm] / total),
            planned=Percent(share),
        )
        for arm, share in zip(study.arms, study.sequential.shares, strict=True)
    )
    status = Status.BROKEN if vital.split.blocks else Status.WARNING
    message = Message.of("health.split_off", shares=Listed(shares), p=PValue(p))
    return HealthCheck("sample_ratio", status, message, p, evidence)


def _contamination(vital: Vital) -> HealthCheck:
    mixed = sum(vital.contaminated.values())
    everybody = mixed + sum(vital.units.values())
    share = mixed / everybody if everybody else 0.0
    if mixed:
        figures = {"mixed": Number(mixed), "all": Number(everybody)}
        message = Message.counted("health.mixed", "mixed", **figures)
    else:
        message = Message.of("health.not_mixed")
    status = Status.WARNING if share > _MANY_MIXED else Status.OK
    return HealthCheck("contamination", status, message, share)


def _minimum_days(study: Study, vital: Vital) -> HealthCheck:
    least = study.plan.minimum_days
    message = Message.counted("health.days", "days", days=Number(vital.day), needed=Number(least))
    status = Status.OK if vital.day >= least else Status.WARNING
    return HealthCheck("minimum_days", status, message, float(vital.day))


def _exposures(vital: Vital) -> HealthCheck:
    empty = tuple(VariantName(arm) for arm, units in vital.units.items() if not units)
    units = float(sum(vital.units.values()))
    if empty:
        message = Message.of("health.unexposed", variants=Listed(empty, "or"))
        return HealthCheck("exposures", Status.WARNING, message, units)
    return HealthCheck("exposures", Status.OK, Message.of("health.exposed"), units)
