"""Whether the data can be trusted, in sentences."""

from dataclasses import dataclass
from enum import Enum

from fairlift_server.examination import Vital
from fairlift_server.study import Study

# Above this share of mixed-up units something is wrong with how units are told apart.
_MANY_MIXED = 0.01


class Status(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check: its stable name, how it stands, and why."""

    name: str
    status: Status
    sentence: str
    value: float


def checks(study: Study, vital: Vital) -> tuple[HealthCheck, ...]:
    """All checks, the gravest matter first."""
    return (
        _sample_ratio(study, vital),
        _contamination(vital),
        _minimum_days(study, vital),
        _exposures(vital),
    )


def _sample_ratio(study: Study, vital: Vital) -> HealthCheck:
    p = vital.chi_square_p
    if not (vital.split.warns or vital.split.blocks):
        text = f"Units fall on the variants as planned (p = {p:.3g})."
        return HealthCheck("sample_ratio", Status.OK, text, p)
    total = sum(vital.units.values())
    shares = ", ".join(
        f"{arm} has {vital.units[arm] / total:.1%} and {share:.1%} was planned"
        for arm, share in zip(study.arms, study.sequential.shares, strict=True)
    )
    status = Status.BROKEN if vital.split.blocks else Status.WARNING
    text = f"Units do not fall on the variants as planned: {shares} (p = {p:.3g})."
    return HealthCheck("sample_ratio", status, text, p)


def _contamination(vital: Vital) -> HealthCheck:
    mixed = sum(vital.contaminated.values())
    everybody = mixed + sum(vital.units.values())
    share = mixed / everybody if everybody else 0.0
    if not mixed:
        text = "No unit met more than one variant."
    else:
        text = f"{mixed} of {everybody} units met more than one variant; they are left out."
    status = Status.WARNING if share > _MANY_MIXED else Status.OK
    return HealthCheck("contamination", status, text, share)


def _minimum_days(study: Study, vital: Vital) -> HealthCheck:
    least = study.plan.minimum_days
    text = f"{vital.day} full days of data; the plan asks for {least} or more."
    status = Status.OK if vital.day >= least else Status.WARNING
    return HealthCheck("minimum_days", status, text, float(vital.day))


def _exposures(vital: Vital) -> HealthCheck:
    empty = [arm for arm, units in vital.units.items() if not units]
    units = float(sum(vital.units.values()))
    if empty:
        text = f"No unit has met {' or '.join(empty)} yet: is the storefront sending exposures?"
        return HealthCheck("exposures", Status.WARNING, text, units)
    return HealthCheck("exposures", Status.OK, "Units have met every variant.", units)
