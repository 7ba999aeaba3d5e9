"""What a marketer reads: the verdict first, pictures that fit, no number where there is none."""

import re
from importlib.resources import files
from pathlib import Path
from typing import cast

import fairlift_cli
import fairlift_stats.locale
import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.plan_pb2 import Plan
from fairlift_stats.locale import LANGUAGES

from tests.cli.reports import report, shown


def test_the_verdict_comes_before_every_figure() -> None:
    text = shown(report())

    assert text.splitlines()[:5] == [
        "Free shipping over 50 (free-shipping)",
        "",
        "[SHIP IT]",
        "Free earns more per visitor, and that is certain enough.",
        "What to do: Show it to everybody.",
    ]


def test_values_lifts_and_intervals_stand_in_the_row_of_their_variant() -> None:
    rows = [row.split() for row in shown(report()).splitlines()]

    # Values as sent; the interval is the one that holds however often somebody looks.
    assert ["Envío", "gratis", "€1.19", "+6.1%", "+1.1%", "…", "+11.1%", "98%"] in rows
    assert ["Envío", "gratis", "3.31%", "+9.6%", "+4.6%", "…", "+14.6%", "98%"] in rows
    assert ["Delivery", "4.90", "€1.12", "2%"] in rows


def test_headline_metrics_come_in_the_order_in_which_they_are_read() -> None:
    text = shown(report())

    assert text.index("Conversion rate (") < text.index("Revenue per visitor (primary metric)")
    assert text.index("Revenue per visitor (primary metric)") < text.index(
        "Recommendation score (NPS)"
    )


def test_where_there_is_no_number_none_is_shown() -> None:
    rows = shown(report()).splitlines()

    start = next(index for index, row in enumerate(rows) if row.startswith("Recommendation"))
    assert rows[start + 2].split() == ["Envío", "gratis", "–", "–", "–"]
    assert "Recommendation score (NPS), Envío gratis: nobody answered" in rows


def test_p_values_are_for_those_who_ask() -> None:
    assert "0.0123" not in shown(report())
    assert "0.0123" in shown(report(), details=True)
    assert "Revenue per visitor: Welch t" in shown(report(), details=True)


def test_details_have_a_column_for_what_there_is_and_none_for_what_there_is_not() -> None:
    found = report()

    assert "p adj." not in shown(found, details=True)
    found.metrics[0].comparisons[0].adjusted_p_value = 0.0321
    assert "p adj." in shown(found, details=True)
    assert "0.0321" in shown(found, details=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_nothing_is_wider_than_the_screen(language: str, width: int) -> None:
    text = shown(report(), language=language, details=True, width=width)

    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_ascii_terminal_gets_ascii_and_the_same_figures(language: str) -> None:
    text = shown(report(), language=language, encoding="ascii", details=True)

    assert text.isascii()
    assert "Envio gratis" in text
    assert "EUR" in text
    assert "?" not in text.replace("trusted?", "").replace("datos?", "").replace(
        "incredere?", ""
    ).replace("?Son", "Son")


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b" not in shown(report())
    assert "\x1b" in shown(report(), terminal=True)


def test_text_from_the_server_cannot_drive_the_terminal() -> None:
    found = report()
    hostile = "a\x1b]0;title\x07b\x1b[2Jc\rd\u202ee [red]f[/red]\x9b1mg\nh"
    found.display_name = found.verdict.sentence = found.verdict.action = hostile
    found.totals[1].display_name = found.health.checks[0].sentence = found.notes[0] = hostile
    found.metrics[0].display_name = hostile
    found.metrics[2].comparisons[0].cannot_say = hostile

    text = shown(found, details=True)

    assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []
    assert "[red]f[/red]" in text


def test_the_difference_is_taken_apart_in_money() -> None:
    text = shown(report())

    assert "  Envío gratis\n    more buyers, smaller baskets\n" in text
    assert "    conversion rate +9.6% (+€0.10), average ticket -3.0% (-€0.03)" in text


def test_the_parts_of_a_difference_add_up_as_they_are_printed() -> None:
    """Each rounded alone they read +0.10 and -0.03 beside a difference of 0.08."""
    found = report()
    found.decompositions[0].difference = 0.076
    for factor, money in zip(found.decompositions[0].factors, (0.1045, -0.0285), strict=True):
        factor.contribution = money

    assert "(+€0.11), Average ticket" in shown(found) or "(+€0.11), average ticket" in shown(found)
    assert "(-€0.03)" in shown(found)


def test_segments_stand_in_a_table_with_what_must_be_said() -> None:
    rows = shown(report()).splitlines()

    assert ["desktop", "30", "+6.0%", "-1.0%", "…", "+13.0%"] in [row.split() for row in rows]
    assert "  · desktop: too few to say." in rows
    assert any("had the same lift: 40%" in row for row in rows)


def test_a_guardrail_says_whether_its_margin_holds() -> None:
    found = report()
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    found.metrics[1].comparisons[0].margin = 0.02
    for standing, said in (
        (pb.GUARDRAIL_STANDING_SAFE, "within the margin of 2.0%"),
        (pb.GUARDRAIL_STANDING_OPEN, "not yet shown to be within"),
    ):
        found.metrics[1].comparisons[0].guardrail = standing

        assert f"Conversion rate, Envío gratis: {said}" in shown(found)


def test_a_guardrail_of_a_campaign_that_is_over_is_not_called_open_any_more() -> None:
    found = report()
    found.verdict.kind = pb.VERDICT_KIND_INCONCLUSIVE
    found.metrics[1].comparisons[0].margin = 0.02
    found.metrics[1].comparisons[0].guardrail = pb.GUARDRAIL_STANDING_OPEN

    said = "Conversion rate, Envío gratis: not shown to be within the margin of 2.0%"
    assert said in shown(found)


def test_a_running_campaign_shows_how_much_evidence_is_there() -> None:
    found = report()
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    found.verdict.evidence = 0.5

    (meter,) = (row for row in shown(found).splitlines() if row.startswith("Evidence"))

    assert meter.count("█") == meter.count("░")
    assert meter.endswith(" 50% of what a decision needs")


def test_a_campaign_that_was_stopped_is_called_undecided() -> None:
    found = report()
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    found.verdict.cause = pb.VERDICT_CAUSE_STOPPED

    assert "[NOT DECIDED]" in shown(found)
    assert "[SIN DECIDIR]" in shown(found, language="es")
    assert "KEEP GOING" not in shown(found)

    found.verdict.kind = pb.VERDICT_KIND_INCONCLUSIVE
    assert "[INCONCLUSIVE]" in shown(found)


def test_the_look_is_told_and_the_next_one_only_while_the_campaign_goes_on() -> None:
    found = report()

    text = shown(found)
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    going = shown(found, language="ro")
    # The end of the ninth of March in Madrid.
    found.verdict.next_decision_time.FromJsonString("2026-03-09T23:00:00Z")
    judged = shown(found)

    assert "Analysis 5, as of the end of Mar 1, 2026, with 52% of the planned visitors." in text
    assert "The next analysis" not in text
    assert "Analiza 5, la sfârșitul zilei de 1 mar. 2026" in going
    assert "Următoarea analiză, cu datele zilelor de dinainte, se face pe 2 mar." in going
    assert "The next decision uses the data to the end of Mar 9, 2026." in judged
    assert "The next analysis" not in judged


def test_how_much_evidence_is_there_is_said_once() -> None:
    found = report()
    found.verdict.kind, found.verdict.evidence = pb.VERDICT_KIND_KEEP_GOING, 0.5
    found.verdict.ClearField("reasons")
    found.verdict.reasons.add(code="end", sentence="The plan ends soon.")
    found.verdict.reasons.add(code="meter", sentence="Evidence so far: half.")

    text = shown(found)

    assert "The plan ends soon." in text
    assert "half" not in text


def test_figures_of_data_that_decide_nothing_are_called_so() -> None:
    found = report()

    assert "Do not act on the figures below yet" not in shown(found)
    found.verdict.kind = pb.VERDICT_KIND_DO_NOT_TRUST
    assert shown(found).index("Do not act on the figures below yet") < shown(found).index(
        "lift over"
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_long_name_is_cut_and_no_figure_wraps(language: str, encoding: str) -> None:
    found = report()
    found.totals[1].display_name = "A very long name that no table of eighty columns can hold whole"
    for totals in found.totals:
        totals.revenue_micros *= 10

    rows = shown(found, language=language, encoding=encoding).splitlines()

    # Every row of a table that begins with the name ends with its figures; none goes on below.
    named = [
        row
        for row in rows
        if row.startswith("  A ") and not row.endswith("whole") and ": " not in row
    ]
    assert len(named) == 4
    assert all(row.split()[-1][-1] in "0123456789%€R–-" for row in named)
    assert any(("…" if encoding == "utf-8" else "~") in row for row in named)


@pytest.mark.parametrize("width", [50, 60])
def test_on_a_narrow_screen_names_stand_above_their_figures_and_never_vanish(width: int) -> None:
    found = report()
    for totals in found.totals:
        totals.revenue_micros *= 1_000

    rows = shown(found, width=width).splitlines()

    start = rows.index("Totals so far, of all visitors who entered") + 2
    assert [rows[start], rows[start + 2]] == ["  Delivery 4.90", "  Envío gratis"]
    assert rows[start + 1].split()[:3] == ["15,012", "460", "500"]
    metric = next(index for index, row in enumerate(rows) if row.startswith("Conversion rate ("))
    assert "Delivery" in rows[metric + 1]


def test_a_number_and_its_sign_stay_on_one_row() -> None:
    for width in range(64, 84):
        found = report()
        found.verdict.sentence = "Envío gratis es mejor: ingresos por visitante +17,2\xa0% y más."

        assert "+17,2\xa0%" in shown(found, language="es", width=width)
        assert "+17,2 %" in shown(found, language="es", width=width, encoding="ascii")


def test_methods_are_told_in_the_language_even_where_they_were_adjusted() -> None:
    found = report()
    found.metrics[0].comparisons[0].covariate_adjusted = True

    english = shown(found, details=True, width=100).replace("\n", " ")
    spanish = shown(found, details=True, width=100, language="es").replace("\n", " ")

    assert (
        "Revenue per visitor: Welch t-test, Fieller interval for the lift, "
        "adjusted within each variant (CUPED, Lin)" in english
    )
    assert (
        "prueba t de Welch, intervalo de Fieller para la variación, "
        "con ajuste dentro de cada variante (CUPED, Lin)" in spanish
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_methods_and_flags_of_the_contract_have_a_name_in_every_language(
    language: str,
) -> None:
    found = report()
    comparison = found.metrics[0].comparisons[0]
    for method in set(pb.Method.values()) - {pb.METHOD_UNSPECIFIED}:
        comparison.method = method
        comparison.flags[:] = set(pb.Flag.values()) - {pb.FLAG_UNSPECIFIED}

        text = shown(found, language=language, details=True)

        assert not re.search(r"(method|flag)[. ]\w", text.partition("Welch")[0].casefold())


def test_a_flag_and_a_method_of_a_newer_server_break_nothing() -> None:
    found = report()
    found.metrics[0].comparisons[0].method = cast("pb.Method.ValueType", 99)
    found.metrics[0].comparisons[0].flags.extend(
        [pb.FLAG_FEW_BUYERS, cast("pb.Flag.ValueType", 99)]
    )

    assert "Envío gratis tiene pocos compradores" in shown(found, language="es", details=True)


def test_everything_that_the_command_line_can_say_is_written() -> None:
    sources = Path(fairlift_cli.__file__).parent.rglob("*.py")
    asked = "|".join(("report", "looks", "plan", "kind", "role", "flag", "method"))

    keys = {
        key
        for source in sources
        for key in re.findall(rf'"((?:{asked})\.[a-z_]+)"', source.read_text("utf-8"))
    }

    # Fields of campaign files begin with plan, too.
    keys -= {f"plan.{field.name}" for field in Plan.DESCRIPTOR.fields}
    assert len(keys) > 30
    catalogue = (
        files(fairlift_stats.locale).joinpath("en/LC_MESSAGES/fairlift.po").read_text("utf-8")
    )
    assert {key for key in keys if f'msgid "{key}"' not in catalogue} == set()


def test_variants_of_one_name_are_told_apart() -> None:
    found = report()
    found.totals[0].display_name = found.totals[1].display_name

    rows = [row.split()[0] for row in shown(found).splitlines() if "€25,000.12" in row]

    assert rows == ["control", "free"]


def test_the_evidence_on_the_split_is_for_those_who_ask() -> None:
    found = report()
    for evidence, said in ((0.125, "e-value 0.12,"), (34_674_698.0, "34,674,698"), (1e300, ">1,0")):
        found.health.checks[0].evidence = evidence

        assert said in shown(found, details=True)
        assert "e-value" not in shown(found)


def test_health_is_marked() -> None:
    text = shown(report())

    assert "  ✓ Units fall as planned." in text
    assert "  ! 12 events came late." in text


def test_a_report_with_nothing_in_it_can_be_told() -> None:
    text = shown(pb.Report(campaign="campaigns/new"), details=True)

    assert "No verdict yet" in text


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    found = report()
    found.metrics[0].comparisons[0].lift = -0.0001

    assert "-0.0%" not in shown(found)
    assert " 0.0%" in shown(found)


def test_almost_certain_is_not_certain() -> None:
    found = report()
    found.metrics[0].arms[1].probability_best = 0.99999
    found.metrics[0].arms[0].probability_best = 0.00001

    assert ">99.9%" in shown(found)
    assert "<0.1%" in shown(found)
    assert "100%" not in shown(found)


def test_unbounded_intervals_say_so() -> None:
    found = report()
    found.metrics[0].comparisons[0].sequential_lift_interval.ClearField("upper")

    assert "+1.1% … +∞" in shown(found)
    assert "►" in shown(found)
