"""The message catalogues use the words of docs/glossary.md, and none that it forbids."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click
import fairlift_stats.locale
import pytest
from babel.messages.pofile import read_po
from fairlift_cli.__main__ import main
from fairlift_stats.locale import LANGUAGES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.name != "glossary.md"  # it lists the words to avoid
]
PLACE = re.compile(r"\{[a-z_]*\}")
Catalogue = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Term:
    """One row of the table of terms: the patterns of each language."""

    en: tuple[str, ...]
    es: tuple[str, ...]
    ro: tuple[str, ...]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its two header rows."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def patterns(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def terms() -> list[Term]:
    return [Term(patterns(en), patterns(es), patterns(ro)) for en, _, es, ro in rows("Terms")]


def avoided(language: str) -> list[str]:
    table = rows("Words to avoid")
    return [word for lang, words, _ in table if lang == language for word in patterns(words)]


def uses(text: str, words: tuple[str, ...]) -> bool:
    """Whether the text has one of the patterns as whole words; `*` is any ending."""
    plain = PLACE.sub(" ", text).lower()
    forms = (re.escape(word.lower()).replace(r"\*", r"\w*") for word in words)
    return any(re.search(rf"(?<!\w){form}(?!\w)", plain) for form in forms)


def catalogue(language: str) -> Catalogue:
    path = Path(str(files(fairlift_stats.locale))) / language / "LC_MESSAGES" / "fairlift.po"
    with path.open("rb") as opened:
        found = read_po(opened, locale=language)
    return {
        f"{message.context or 'visitor'} {_forms(message.id)[0]}": _forms(message.string)
        for message in found
        if message.id
    }


def _forms(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)


def departures(language: str, english: Catalogue, translated: Catalogue) -> Iterator[str]:
    """Translations that lack the glossary's word for a term of their English message."""
    for key, forms in english.items():
        for term in terms():
            if not uses(" ".join(forms), term.en) or key not in translated:
                continue
            wanted = getattr(term, language)
            for form in translated[key]:
                if not uses(form, wanted):
                    yield f"{key}: {form!r} has none of {wanted}"


def forbidden(language: str, messages: Catalogue) -> Iterator[str]:
    """Messages with a word that the glossary forbids."""
    for key, forms in messages.items():
        for word in avoided(language):
            if uses(" ".join(forms), (word,)):
                yield f"{key}: {word!r} in {forms}"


def test_every_term_has_words_in_three_languages() -> None:
    assert len(terms()) >= 40
    for term in terms():
        assert term.en, term
        assert term.es, term
        assert term.ro, term


@pytest.mark.parametrize("language", ["es", "ro"])
def test_translations_use_the_words_of_the_glossary(language: str) -> None:
    assert [*departures(language, catalogue("en"), catalogue(language))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_uses_a_word_to_avoid(language: str) -> None:
    assert [*forbidden(language, catalogue(language))] == []


def test_most_terms_stand_in_the_catalogue() -> None:
    said = " ".join(form for forms in catalogue("en").values() for form in forms)

    assert sum(uses(said, term.en) for term in terms()) >= 35


def test_a_translation_without_the_glossary_s_word_is_found() -> None:
    english = {"planted": ("{variant} harms a guardrail.",)}
    planted = {"planted": ("{variant} empeora una barrera.",)}
    right = {"planted": ("{variant} empeora una métrica de control.",)}

    (found,) = departures("es", english, planted)
    assert "métrica* de control" in found
    assert [*departures("es", english, right)] == []


def test_a_planted_word_to_avoid_is_found() -> None:
    assert [*forbidden("en", {"planted": ("{variant} hurts.",)})]
    assert [*forbidden("es", {"planted": ("{variant} perjudica.",)})]
    assert [*forbidden("ro", {"planted": ("{variant} dăunează.",)})]
    # A place of the message is no word of it.
    assert [*forbidden("en", {"planted": ("{hurts} is better.",)})] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_uses_a_word_to_avoid(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", " ", page.read_text("utf-8"), flags=re.DOTALL)

    assert [*forbidden("en", {page.name: (prose,)})] == []


def test_no_help_text_uses_a_word_to_avoid() -> None:
    helps = {name: (_help(command),) for name, command in main.commands.items()}

    assert len(helps) > 10
    assert [*forbidden("en", helps)] == []


def _help(command: click.Command) -> str:
    with click.Context(command) as context:
        return command.get_help(context)
