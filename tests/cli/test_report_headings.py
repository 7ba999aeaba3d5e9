"""The heading of a verdict, and totals that stand beside the names of their variants."""

import re

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.locale import LANGUAGES

from tests.cli.reports import report, shown


@pytest.mark.parametrize("cause", [pb.VERDICT_CAUSE_DAYS, pb.VERDICT_CAUSE_FEW])
def test_a_healthy_campaign_that_is_young_is_called_too_early(
    cause: "pb.VerdictCause.ValueType",
) -> None:
    found = report()
    found.verdict.kind, found.verdict.cause = pb.VERDICT_KIND_DO_NOT_TRUST, cause

    pages = {language: shown(found, language=language) for language in LANGUAGES}

    assert "[TOO EARLY]" in pages["en"]
    assert "[DEMASIADO PRONTO]" in pages["es"]
    assert "[PREA DEVREME]" in pages["ro"]
    assert "DO NOT TRUST" not in pages["en"]


@pytest.mark.parametrize(
    "cause", [pb.VERDICT_CAUSE_SPLIT, pb.VERDICT_CAUSE_NO_ANSWER, pb.VERDICT_CAUSE_SKEW]
)
def test_data_with_a_fault_are_not_to_be_trusted(cause: "pb.VerdictCause.ValueType") -> None:
    found = report()
    found.verdict.kind, found.verdict.cause = pb.VERDICT_KIND_DO_NOT_TRUST, cause

    assert "[DO NOT TRUST THE DATA]" in shown(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_totals_of_five_digits_stand_beside_their_names_in_every_language(language: str) -> None:
    found = report()
    for totals, name in zip(found.totals, ("Control", "Cupon 10"), strict=True):
        totals.display_name = name
        totals.revenue_micros, totals.net_revenue_micros = 75_000_360_000, 72_300_000_000
        found.look.arms.add(variant=totals.variant, units=14_012, entered_units=15_012)

    rows = shown(found, language=language, width=80).splitlines()

    totals_of = [row.split() for row in rows if re.search(r"15[.,]012 +460 ", row)]
    assert [row[0] for row in totals_of] == ["Control", "Cupon"]
    assert all(row[-1] in ("14,012", "14.012") for row in totals_of)
