import re
import string
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import fairlift_stats.locale
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from fairlift_stats.effects import CannotSayCode
from fairlift_stats.errors import BadQuestion
from fairlift_stats.locale import LANGUAGES, build, figure_text, text
from fairlift_stats.messages import (
    Amount,
    Day,
    Figure,
    Listed,
    Message,
    MetricName,
    Names,
    Number,
    Percent,
    Points,
    PValue,
    VariantName,
    Verbatim,
    unique_names,
)
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import daily, plan

NBSP = "\N{NO-BREAK SPACE}"
CUSTOMER = "customer: "
HERE = Path(str(files(fairlift_stats.locale)))
TRANSLATIONS = [language for language in LANGUAGES if language != "en"]


def catalogue(language: str) -> dict[str, tuple[str, ...]]:
    """Translations of every key."""
    with (HERE / language / "LC_MESSAGES" / "fairlift.po").open("rb") as opened:
        return said(read_po(opened, locale=language))


def said(messages: Catalog) -> dict[str, tuple[str, ...]]:
    """What a catalogue says; its header names the minute and Babel's version, so it is left out.

    What is said of customers only has its key after their name.
    """
    return {_context(m.context) + _forms(m.id)[0]: _forms(m.string) for m in messages if m.id}


def _context(context: object) -> str:
    # What was compiled and read back has its contexts in bytes.
    name = context.decode() if isinstance(context, bytes) else context
    return f"{name}: " if name else ""


def _forms(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)


def compiled(content: bytes) -> dict[str, tuple[str, ...]]:
    return said(read_mo(BytesIO(content)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_written_one(language: str) -> None:
    kept = (HERE / language / "LC_MESSAGES" / "fairlift.mo").read_bytes()

    assert compiled(kept) == compiled(build.compiled(language)) == catalogue(language)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_language_says_everything_with_the_same_figures(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)

    def places(forms: tuple[str, ...]) -> set[str]:
        return {name for f in forms for _, name, _, _ in string.Formatter().parse(f) if name}

    plain = {key for key in english if not key.startswith(CUSTOMER)}
    assert plain == {key for key in other if not key.startswith(CUSTOMER)}
    for key, forms in other.items():
        assert all(forms), key
        assert places(forms) == places(english[key.removeprefix(CUSTOMER)]), key
        # One word may be the same in two languages, and figures with signs; a sentence is not.
        if len(re.findall(r"\w+", re.sub(r"{\w+}", "", forms[0]))) > 1:
            assert forms != english.get(key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_names_visitors_has_a_form_for_customers_that_does_not(language: str) -> None:
    visitors = re.compile(r"visitor|visitante|vizitator", re.IGNORECASE)
    found = catalogue(language)

    naming = {
        key
        for key, forms in found.items()
        if not key.startswith(CUSTOMER) and visitors.search(" ".join(forms))
    }

    assert len(naming) > 25
    for key in naming:
        of_customers = found[CUSTOMER + key]
        assert not visitors.search(" ".join(of_customers)), key
        assert len(of_customers) == len(found[key]), key


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_space_before_a_percent_sign_can_break(language: str) -> None:
    for key, forms in catalogue(language).items():
        assert " %" not in " ".join(forms), key


def test_romanian_is_written_with_commas_below() -> None:
    assert not re.search("[şţŞŢ]", str(catalogue("ro")))


def test_a_campaign_of_customers_speaks_of_customers() -> None:
    names = Names(unit="customer")
    few = Message.counted("split.too_few", "count", arm=Verbatim("a"), count=Number(21))

    assert text(Message.of("health.exposed"), names=names) == "Customers have seen every variant."
    assert text(few, "ro", names).startswith("a are cu aproximativ 21 de clienți mai puțin")
    assert figure_text(MetricName("revenue_per_visitor"), "es", names) == "ingresos por cliente"
    assert figure_text(MetricName("micro_value(view)"), "ro", names) == "view (valoarea pe client)"
    # What names no unit is said of both alike.
    assert text(Message.of("action.wait"), names=names) == text(Message.of("action.wait"))


def test_every_message_that_the_code_can_say_is_written() -> None:
    root = HERE.parent
    sources = [*root.glob("verdict/*.py"), root / "design" / "planning.py"]
    named = {
        key
        for source in sources
        for key in re.findall(
            r'"((?:verdict|action|reason|price|split)\.[a-z_]+)"',
            source.read_text(encoding="utf-8"),
        )
    }

    assert len(named) > 25
    assert named <= catalogue("en").keys()
    assert {f"cannot_say.{reason.value}" for reason in CannotSayCode} <= catalogue("en").keys()


def test_nothing_said_talks_of_p_values() -> None:
    for language in LANGUAGES:
        for key, forms in catalogue(language).items():
            assert not re.search(r"p-val|valor p\b|signific", " ".join(forms), re.IGNORECASE), key


def test_numbers_are_written_as_the_locale_writes_them() -> None:
    assert figure_text(Percent(0.0412, signed=True)) == "+4.1%"
    assert figure_text(Percent(-0.0412, signed=True), "ro") == f"-4,1{NBSP}%"
    assert figure_text(Points(0.012, signed=True)) == f"+1.20{NBSP}pp"
    assert figure_text(Points(-0.012, signed=True), "es") == f"-1,20{NBSP}pp"
    assert figure_text(Points(0.005), "ro") == f"0,50{NBSP}pp"
    assert figure_text(Number(12345.678, 2), "en") == "12,345.68"
    assert figure_text(Number(12345.678, 2), "es") == "12.345,68"
    assert figure_text(Number(3, signed=True)) == "+3"
    assert figure_text(Amount(12345.5, "EUR"), "es") == f"12.345,50{NBSP}€"
    assert figure_text(Amount(1234.5, "RON", signed=True), "ro") == f"+1.234,50{NBSP}RON"
    assert figure_text(Amount(-2.0, "USD", signed=True)) == "-$2.00"
    assert figure_text(Day("2026-11-28"), "es") == "28 de noviembre"
    assert figure_text(Day("2026-11-28"), "ro-RO") == "28 noiembrie"
    assert figure_text(Verbatim("Ünder 50"), "es_MX") == "Ünder 50"


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Number(999), "999"),
        (Number(1234), "1234"),
        (Number(-9999.4), "-9999"),
        (Number(9999.6), "10.000"),
        (Number(10000), "10.000"),
        (Number(1234.5, 1, signed=True), "+1234,5"),
        (Percent(12.345), f"1234,5{NBSP}%"),
        (Percent(123.456), f"12.345,6{NBSP}%"),
        (Amount(1234.5, "EUR"), f"1234,50{NBSP}€"),
        (Amount(9999.999, "EUR"), f"10.000,00{NBSP}€"),
    ],
)
def test_spanish_separates_thousands_from_five_digits_on(figure: Figure, expected: str) -> None:
    # CLDR, common/main/es.xml: minimumGroupingDigits is 2.
    assert figure_text(figure, "es") == expected
    assert figure_text(figure, "es_ES") == expected


@pytest.mark.parametrize(
    ("locale", "expected"), [("en", "1,234"), ("ro", "1.234"), ("es_MX", "1,234")]
)
def test_other_languages_separate_thousands_from_four_digits_on(locale: str, expected: str) -> None:
    assert figure_text(Number(1234), locale) == expected


def test_metrics_of_the_catalogue_have_names_and_others_keep_theirs() -> None:
    assert figure_text(MetricName("revenue_per_visitor"), "es") == "ingresos por visitante"
    assert figure_text(MetricName("wheel_spins"), "ro") == "wheel spins"


def test_a_metric_of_a_family_first_says_what_it_is_about() -> None:
    assert figure_text(MetricName("action_rate(view_360)")) == "view 360 (action rate)"
    assert figure_text(MetricName("action_rate(newsletter)"), "es") == "newsletter (tasa de acción)"
    assert figure_text(MetricName("retention_d30_60")) == "retention, days 30 to 60"
    assert figure_text(MetricName("clv_90"), "ro") == "valoarea clientului (zile: 90)"


def test_people_s_own_names_stand_in_sentences() -> None:
    names = Names(variants={"free-50": "Free over 50"}, metrics={"wheel_spins": "Spins"})
    message = Message.of(
        "action.keep_control", variant=VariantName("free-50"), control=Verbatim("a")
    )

    assert text(message, names=names) == "Stop Free over 50 and keep a."
    assert text(message) == "Stop free-50 and keep a."
    assert figure_text(MetricName("wheel_spins"), "es", names) == "Spins"


def test_lists_end_as_the_language_ends_them() -> None:
    three = (Verbatim("a"), Verbatim("b"), Verbatim("c"))

    assert figure_text(Listed(three[:2])) == "a and b"
    assert figure_text(Listed(three), "es") == "a, b y c"
    assert figure_text(Listed(three[:2], "or"), "ro") == "a sau b"


def test_large_amounts_may_leave_out_their_cents() -> None:
    amount = Amount(-1234.6, "EUR", whole=True)

    assert figure_text(amount) == "-€1,235"
    assert figure_text(amount, "es").startswith("-1235")
    assert figure_text(Amount(1234.6, "EUR", signed=True, whole=True)) == "+€1,235"


def test_a_tiny_p_value_is_not_written_as_zero() -> None:
    assert figure_text(PValue(0.6674)) == f"p{NBSP}={NBSP}0.667"
    assert figure_text(PValue(0.0000001), "es") == f"p{NBSP}<{NBSP}0,001"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (1, "mai este aproximativ 1 zi până la o decizie."),
        (4, "aproximativ 4 zile până la o decizie."),
        (21, "aproximativ 21 de zile până la o decizie."),
    ],
)
def test_romanian_has_three_ways_to_count(days: int, expected: str) -> None:
    message = Message.counted("verdict.running_days", "days", days=Number(days))

    assert text(message, "ro").endswith(expected)


def test_a_count_that_is_no_number_takes_the_plural() -> None:
    message = Message("verdict.running_days", (("days", Verbatim("two")),), "days")

    assert text(message) == "Keep going: about two more days until a decision."


def test_a_verdict_speaks_to_a_marketer_in_three_languages() -> None:
    verdict = decide(plan(), daily(plan(), [*[0.0] * 6, 4.0]))

    found = verdict.facts.arms[0].corrected
    assert found is not None
    assert found.lift is not None
    assert found.lift_interval is not None
    low, high = found.lift_interval.low, found.lift_interval.high
    lift = f"{100 * found.lift:+.1f}{NBSP}%".replace(".", ",")

    assert verdict.sentence() == (
        f"coupon is better than control: conversion rate {found.lift:+.1%} "
        f"(between {low:+.1%} and {high:+.1%})."
    )
    assert verdict.sentence("es").startswith(
        f"coupon es mejor que control: tasa de conversión {lift} (entre"
    )
    assert verdict.sentence("ro").startswith(
        f"coupon este mai bună decât control: rata de conversie {lift} ("
    )
    assert verdict.advice("es") == "Muestra coupon a todos los visitantes."
    assert len(verdict.explanations("ro")) == len(verdict.reasons)


@pytest.mark.parametrize("locale", ["de", "xx", "", "zz_ZZ", "español"])
def test_a_language_without_catalogue_is_refused(locale: str) -> None:
    with pytest.raises(BadQuestion, match="use one of"):
        text(Message.of("action.wait"), locale)


def test_a_message_that_is_not_written_is_refused() -> None:
    with pytest.raises(BadQuestion, match="not in any catalogue"):
        text(Message.of("verdict.guess"))


def test_a_figure_is_found_by_its_place() -> None:
    message = Message.of("verdict.running", meter=Percent(0.5))

    assert message.figure("meter") == Percent(0.5)


def test_building_again_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language in LANGUAGES:
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        source = HERE / language / "LC_MESSAGES" / "fairlift.po"
        (folder / "fairlift.po").write_bytes(source.read_bytes())
    monkeypatch.setattr(build, "HERE", tmp_path)

    build.build()

    for language in LANGUAGES:
        made = tmp_path / language / "LC_MESSAGES" / "fairlift.mo"
        assert compiled(made.read_bytes()) == catalogue(language)
        # Whenever it is built: a change of one language leaves the files of the others alone.
        assert b"POT-Creation-Date: 2026-01-01 00:00+0000\n" in made.read_bytes()


def test_a_name_that_is_empty_or_shared_tells_nobody() -> None:
    called = {"a": "No popup", "b": "Coupon", "c": "Coupon", "d": ""}

    assert unique_names(called) == {"a": "No popup"}


@pytest.mark.parametrize(
    ("value", "currency", "written"),
    [
        (0.004, "EUR", "+€0.0040"),
        (0.0123, "EUR", "+€0.012"),
        (-0.0996, "EUR", "-€0.10"),
        (0.00000456, "EUR", "+€0.000005"),
        (0.0000001, "EUR", "+€0.00"),
        (0.05, "EUR", "+€0.05"),  # whole cents
        (0.1049, "EUR", "+€0.10"),
        (0.0, "EUR", "€0.00"),
        (0.31, "JPY", "+¥0.31"),
        (7.0, "JPY", "+¥7"),
        (1234.4, "JPY", "+¥1,234"),
    ],
)
def test_small_amounts_have_two_figures_that_count(
    value: float, currency: str, written: str
) -> None:
    assert figure_text(Amount(value, currency, signed=True)) == written


def test_a_figure_is_written_the_same_whatever_was_written_before() -> None:
    """Figures are remembered: zero and its negative are equal, and so are 1 and 1.0."""
    figures: list[Figure] = [
        Percent(0.0, 1, True), Percent(-0.0, 1, True), Number(0.0, 1), Number(-0.0, 1),
        Number(1), Number(1.0), Number(1.0, 2), Amount(-0.0, "EUR"), Amount(0.0, "EUR"),
        Points(-0.0), Points(0.0), PValue(0.0), Percent(0.01, 1), Number(0.01, 1), Points(0.01, 1),
    ]  # fmt: skip

    for language in LANGUAGES:
        alone = [fairlift_stats.locale._written.__wrapped__(figure, language) for figure in figures]
        assert [figure_text(figure, language) for figure in figures] == alone
        assert [figure_text(figure, language) for figure in reversed(figures)] == alone[::-1]
    assert len(set(alone[-3:])) == 3
