"""What the project file asks of every campaign."""

import re
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence

from fairlift.engine.campaign import AttributeType, Campaign

from fairlift_cli.checks.judgement import Judgement


def project_judgements(
    campaign: Campaign,
    *,
    naming: re.Pattern[str] | None,
    labels: Sequence[str],
    attributes: Mapping[str, AttributeType],
) -> Iterator[Judgement]:
    """Where a campaign is not as the project wants it; arguments as in fairlift.yaml."""
    if naming is not None:
        try:
            matches = _matches(naming, campaign.id)
        except TimeoutError:
            message = f"cannot be matched in a second by {naming.pattern}; write it without (a+)+"
            yield Judgement("FL216", "name", message)
        else:
            if not matches:
                message = f"is {campaign.id}, must match {naming.pattern} (naming in fairlift.yaml)"
                yield Judgement("FL216", "name", message)
    for label in labels:
        if campaign.labels.get(label) == "":
            message = "is empty, and fairlift.yaml requires it; say which"
            yield Judgement("FL217", f"labels.{label}", message)
        elif label not in campaign.labels:
            message = f"has no {label}, which fairlift.yaml requires; add {label}: …"
            yield Judgement("FL217", "labels", message)
    if not attributes:
        return
    for name, declared in campaign.attributes.items():
        if name not in attributes:
            message = "is not among the attributes of fairlift.yaml; add it there"
            yield Judgement("FL307", f"attributes.{name}", message)
        elif attributes[name] is not declared:
            message = f"is {declared} here and {attributes[name]} in fairlift.yaml; keep one type"
            yield Judgement("FL702", f"attributes.{name}", message)


def _matches(naming: re.Pattern[str], name: str) -> bool:
    """Whether the whole name matches.

    Raises:
        TimeoutError: the pattern tries more ways than a second has time for.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        return naming.fullmatch(name) is not None

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return naming.fullmatch(name) is not None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
