"""What a report of a frame shows, and what it is made of."""

import re
import sys
from html import unescape

import numpy as np
import pandas as pd
import pytest
from fairlift_stats import (
    BadFrame,
    BadQuestion,
    FrameReport,
    Guardrail,
    Mean,
    Rate,
    Ratio,
    UnknownVariant,
    analyze,
)

from tests.stats.frames.frames import visitors

VISITORS = visitors()


@pytest.fixture(scope="module")
def report() -> FrameReport:
    return analyze(
        VISITORS,
        metrics=[
            Rate("conversion_rate", "bought"),
            Guardrail(Mean("orders", "orders", unit="count"), margin=0.2),
            Guardrail(Mean("cost", "orders", unit="money", direction="lower"), absolute_margin=0.5),
        ],
        secondary=[Ratio("average_ticket", "revenue", "orders")],
    )


def test_text_has_a_line_per_metric_and_treatment(report: FrameReport) -> None:
    lines = str(report).splitlines()
    counts = VISITORS["variant"].value_counts()

    assert lines[0].startswith(
        f"3,000 units (control {counts['control']:,}, ten {counts['ten']:,}, twenty"
    )
    assert "The equal split is plausible (p = 0." in lines[0]
    assert lines[2].split() == [
        "metric", "variant", "control", "treatment", "lift", "interval", "of", "the", "lift",
        "adjusted", "p",
    ]  # fmt: skip
    rate = VISITORS.groupby("variant")["bought"].mean()
    assert lines[3].split()[:5] == [
        "conversion_rate", "ten", f"{rate['control']:.2%}", f"{rate['ten']:.2%}",
        f"{rate['ten'] / rate['control'] - 1:+.1%}",
    ]  # fmt: skip
    assert len(lines[3:11]) == len(report.results) == 8


def test_text_says_what_to_know(report: FrameReport) -> None:
    text = str(report)

    assert "orders, ten: is not shown to lose less than 20.0% (p = 0." in text
    assert "cost, ten: is shown to lose less than 0.5 (p = " in text
    assert "average_ticket, ten, twenty: average_ticket covers only units with orders" in text
    assert repr(report) == text


def test_a_broken_split_is_loud() -> None:
    broken = pd.DataFrame({"variant": ["control"] * 900 + ["new"] * 100, "bought": [0, 1] * 500})
    metrics = [Rate("conversion_rate", "bought")]

    unasked = str(analyze(broken, metrics=metrics))
    assert "SAMPLE RATIO MISMATCH: p = " in unasked
    assert "if the plan was another split, give weights=" in unasked
    wrong = str(analyze(broken, metrics=metrics, weights={"control": 1, "new": 1}))
    assert "for the planned split; find the cause before reading any figure." in wrong
    right = str(analyze(broken, metrics=metrics, weights={"control": 9, "new": 1}))
    assert "The planned split is plausible (p = 1.000)." in right


def test_what_cannot_be_said_is_said() -> None:
    quiet = pd.DataFrame(
        {
            "variant": ["control", "new"] * 40,
            "none": [0] * 80,
            "some": [0, 1] * 40,
            "tiny": [0.0001, 0.0002, 0.0003, 0.0004] * 20,
        }
    )
    text = str(
        analyze(quiet, metrics=[Rate("none", "none"), Rate("some", "some"), Mean("tiny", "tiny")])
    )
    lines = {line.split()[0]: line for line in text.splitlines()[3:6]}

    assert "∞" in lines["some"]
    assert lines["some"].split()[4] == "-"
    assert "0.0002" in lines["tiny"]
    assert "p = " not in lines["none"]
    assert "new: " in text


def test_an_empty_metric_has_no_p() -> None:
    nothing = pd.DataFrame({"variant": ["control", "new"] * 3, "x": [0.0] * 6, "y": [0.0] * 6})

    line = str(analyze(nothing, metrics=[Ratio("ratio", "x", "y")])).splitlines()[3]
    assert line.split()[2:5] == ["-", "-", "-"]
    assert line.endswith("-")


def test_a_report_is_read_by_metric_and_variant(report: FrameReport) -> None:
    assert report["conversion_rate", "ten"].metric == "conversion_rate"
    assert (report.control, report.treatments) == ("control", ("ten", "twenty"))
    with pytest.raises(UnknownVariant, match="is not in the report"):
        report["conversion_rate", "thirty"]
    with pytest.raises(AttributeError):
        report.has_weights = True  # type: ignore[misc]


def test_a_decomposition_needs_a_treatment(report: FrameReport) -> None:
    columns = {"buyers": "bought", "orders": "orders", "revenue": "revenue"}

    with pytest.raises(BadQuestion, match=r"name one of the treatments \['ten', 'twenty'\]"):
        report.decompose(**columns)
    with pytest.raises(UnknownVariant, match="variant: is 'control'; treatments are"):
        report.decompose("control", **columns)
    with pytest.raises(BadFrame, match="column 'revenue_before': "):
        report.decompose("ten", **{**columns, "revenue": "revenue_before"})
    one = VISITORS[VISITORS["variant"] != "twenty"]
    alone = analyze(one, metrics=[Rate("conversion_rate", "bought")]).decompose(**columns)
    named = report.decompose("ten", **columns)
    assert [part.lift for part in alone.factors] == pytest.approx([p.lift for p in named.factors])


def test_a_package_that_is_missing_is_named(
    report: FrameReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fairlift\[notebook\]"'):
        analyze(VISITORS, metrics=[Rate("conversion_rate", "bought")])

    figures = "fairlift_stats.frames.statsmodels_figures"
    monkeypatch.setitem(sys.modules, figures, None)
    monkeypatch.delattr(figures, raising=False)
    with pytest.raises(ModuleNotFoundError, match="pip install statsmodels"):
        report.second_opinion()


def test_rows_of_a_rate_with_a_covariate_are_a_mean() -> None:
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 500)
    frame = pd.DataFrame(
        {"variant": rng.choice(["control", "b"], 500), "y": y, "before": y + rng.random(500)}
    )
    result = analyze(frame, metrics=[Rate("rate", "y")], covariates={"y": "before"})["rate", "b"]

    assert "CUPED" in result.method


def plain(html: str) -> str:
    """What a reader sees of a page, pictures aside."""
    seen = re.sub(r"<(style|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", seen)))


def test_html_has_the_figures_of_the_text(report: FrameReport) -> None:
    html = str(report._repr_html_())

    shown = plain(html)
    for line in str(report).splitlines()[3:11]:
        figures = re.split(r"  +", line)
        for figure in figures[2:]:
            assert f" {figure} " in shown, (line, figure)
    for note in (report.split, *report.notes):
        assert note in shown
    (picture,) = re.findall(r'<svg class="wide".*?</svg>', html, re.DOTALL)
    for row in report.to_dicts():
        assert f"{row['lift']:+.1%}" in picture


def test_html_leaves_the_notebook_alone_and_asks_nothing(report: FrameReport) -> None:
    html = str(report._repr_html_())

    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert style[1].startswith("@scope (.fairlift-notebook) {")
    assert ":root" not in style[1]
    assert "<script" not in html
    assert set(re.findall(r"https?://[^\s\"']+", html)) <= {"http://www.w3.org/2000/svg"}


def test_html_escapes_names_and_shows_segments() -> None:
    hostile = '"><script>alert(1)</script>'
    frame = VISITORS.replace({"variant": {"ten": hostile}, "device": {"phone": hostile}})
    few = frame.assign(single="all")
    metrics = [Rate("conversion_rate", "bought"), Rate(hostile, "phone")]

    html = str(analyze(few, metrics=metrics, segments=["device", "single"])._repr_html_())
    assert "<script" not in html
    assert "conversion_rate by device" in html
    assert "conversion_rate by single" not in html  # one segment is no comparison
    assert f"{hostile}, desktop" in plain(html)
    assert "tablet" in html
    one = frame[frame["variant"] != "twenty"]
    assert "twenty, " not in str(analyze(one, metrics=metrics, segments="device")._repr_html_())


def test_html_says_what_is_wrong() -> None:
    broken = pd.DataFrame({"variant": ["control"] * 900 + ["new"] * 100, "bought": [0] * 1000})
    html = str(analyze(broken, metrics=[Rate("rate", "bought")])._repr_html_())

    assert "mark-broken" in html
    assert "SAMPLE RATIO MISMATCH" in html
    assert "<svg class=" not in html


ENGLISH = ("units", "split", "metric ", "treatment", "lift", "interval of", "adjusted",
           "shown to", "covers", "buyers", "no value", "too few", "cannot")  # fmt: skip


@pytest.mark.parametrize("language", ["es", "ro"])
def test_text_and_html_are_in_the_language_that_is_asked_for(language: str) -> None:
    """Figures are those of the English report, with a decimal comma."""
    frame = VISITORS.assign(none=0, before=VISITORS["revenue_before"].where(VISITORS.index % 9 > 0))

    def asked(language: str) -> FrameReport:
        return analyze(
            frame,
            metrics=[
                Rate("conversion_rate", "bought"),
                Rate("none", "none"),
                Mean("spend", "revenue"),
                Guardrail(Mean("orders", "orders", unit="count"), margin=0.2),
            ],
            secondary=[Ratio("average_ticket", "revenue", "orders")],
            covariates={"revenue": "before"},
            segments="device",
            language=language,
        )

    english, report = asked("en"), asked(language)
    text, html = str(report), str(report._repr_html_())

    assert not [word for word in ENGLISH if word in text or word in plain(html)]
    assert f'lang="{language}"' in html
    for mine, theirs in zip(text.splitlines()[3:13], str(english).splitlines()[3:13], strict=True):
        figures = theirs.replace("%", "\N{NO-BREAK SPACE}%").replace(",", "").replace(".", ",")
        assert re.sub(r"(?<=\d)\.(?=\d)", "", mine).split() == figures.split()
    for note in (report.split, *report.notes):
        assert " ".join(note.split()) in plain(html)
    assert len(report.notes) == len(english.notes)
    assert "weights=" not in text
    assert report == english  # the same figures, whatever the language


@pytest.mark.parametrize(("language", "shown"), [("en", "2.5e-06"), ("ro", "2,5e-06")])
def test_a_very_small_estimate_has_an_exponent(language: str, shown: str) -> None:
    faint = pd.DataFrame({"variant": ["control", "new"] * 40, "x": [1e-6, 2e-6, 3e-6, 4e-6] * 20})
    faint["x"] = faint["x"].where(faint["variant"] == "new", 2.5e-6 + 1e-9 * (faint.index % 3 - 1))

    text = str(analyze(faint, metrics=[Mean("x", "x")], language=language))

    assert shown in text


def test_a_language_without_a_catalogue_is_refused() -> None:
    with pytest.raises(BadQuestion, match="language: is 'fr', must be one of en, es, ro"):
        analyze(VISITORS, metrics=[Rate("conversion_rate", "bought")], language="fr")


def test_without_the_extra_a_notebook_shows_text(
    report: FrameReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fairlift_report.notebook", None)

    assert report._repr_html_() is None
