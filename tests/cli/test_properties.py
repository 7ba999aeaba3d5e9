"""What holds for every picture, every text and every place in a file."""

import math
import unicodedata

import yaml
from fairlift_cli.report.chart import Bar, axis, draw
from fairlift_cli.screen import ASCII, UNICODE
from fairlift_cli.text import clean
from fairlift_cli.yaml_tree import YamlMapping, YamlScalar, yaml_documents
from hypothesis import example, given
from hypothesis import strategies as st

LIFTS = st.floats(-0.99, 20)
ENDS = LIFTS | st.sampled_from([math.inf, -math.inf])


@st.composite
def bars(draw_: st.DrawFn) -> Bar:
    lower, estimate, upper = sorted((draw_(ENDS), draw_(LIFTS), draw_(ENDS)))
    return Bar(draw_(st.text("abc ", max_size=40)), lower, estimate, upper)


@given(st.lists(bars(), min_size=1, max_size=5), st.integers(40, 120), st.booleans())
def test_a_picture_fits_and_every_row_shows_its_estimate(
    shown: list[Bar], width: int, is_ascii: bool
) -> None:
    glyphs = ASCII if is_ascii else UNICODE

    scale, *rows = draw(shown, width=width, glyphs=glyphs, label=lambda v, d: f"{v:+.{d}%}")

    assert all(len(row) <= width for row in (scale, *rows))
    for row, bar in zip(rows, shown, strict=True):
        picture = row[len(row) - len(row.lstrip()) :] if not bar.label else row
        if math.isfinite(bar.estimate):
            assert glyphs.point in picture


@given(st.lists(bars(), min_size=1, max_size=5), LIFTS, LIFTS)
def test_what_is_larger_never_stands_further_left(shown: list[Bar], one: float, two: float) -> None:
    scale = axis(shown, 60)

    assert (one <= two) <= (scale.column(one) <= scale.column(two))
    assert 0 <= scale.column(one) < 60
    assert 0.0 in scale.ticks()


@given(st.text())
@example("\x1b[31mred\x1b[0m")
@example("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x07")
@example("\x1bP+q\x1b\\x")
def test_clean_text_has_no_controls_and_stays_clean(text: str) -> None:
    cleaned = clean(text)

    assert "\x1b" not in cleaned
    assert all(unicodedata.category(sign) != "Cc" for sign in cleaned)
    assert clean(cleaned) == cleaned


WORDS = st.lists(st.from_regex(r"[a-z0-9=<>()\"]{1,6}", fullmatch=True), min_size=1, max_size=12)


@given(WORDS, st.sampled_from(["'", '"', "|", ">"]), st.integers(0, 100))
def test_the_place_of_a_character_is_where_it_stands(
    words: list[str], style: str, where: int
) -> None:
    text = " ".join(words)
    written = yaml.dump({"audience": text}, default_style=None, width=1_000, allow_unicode=True)
    if style in "|>":
        breaks = "\n".join(f"  {word}" for word in words)
        written = f"audience: {style}\n{breaks}\n"
    elif style == "'" or '"' not in text:
        written = f"# a comment\naudience:   {style}{text}{style}\n"
    (tree,) = yaml_documents(written)
    assert isinstance(tree, YamlMapping)
    value = tree.entries[0].value
    assert isinstance(value, YamlScalar)
    position = where % len(value.text.rstrip())

    place = value.position_of(position)

    sign = value.text[position]
    if not sign.isspace():
        assert written.splitlines()[place.line - 1][place.column - 1] == sign
