"""The calibration page: sections keep their own parts, and promises that fail are listed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation import calibrate
from tests.simulation.tables import Share, table


def section(*shares: Share) -> Callable[[Path], str]:
    return lambda _: table(
        ("", "measured", "promised", "holds"), [("a", *s.against(0.05)) for s in shares]
    )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Callable[[Path], str]]]:
    parts = {
        "First": {"One": section(Share(5, 100)), "Two, exact": section(Share(30, 100))},
        "Second": {"Three": lambda _: "Nothing is promised.\n\n- one\n- two\n"},
    }
    monkeypatch.setattr(calibrate, "PARTS", parts)
    return parts


def test_a_section_alone_replaces_its_own_part_and_no_other(
    tmp_path: Path, parts: dict[str, dict[str, Callable[[Path], str]]]
) -> None:
    page = tmp_path / "calibration.md"
    calibrate.write((), page)
    before = page.read_text("utf-8")

    parts["First"]["Two, exact"] = section(Share(4, 100))
    calibrate.write(["Two, exact"], page)
    after = page.read_text("utf-8")

    assert before.count("\n### ") == after.count("\n### ") == 3
    assert before.split("### Three")[1] == after.split("### Three")[1]
    assert "Of 2 promises that are held against a simulation below, these miss" in before
    assert "- Two, exact: a, 0.3000 (0.1890–0.4306), at most 0.05\n" in before
    assert "none misses its bounds" in after


def test_running_all_sections_again_changes_nothing(
    tmp_path: Path, parts: dict[str, dict[str, Callable[[Path], str]]]
) -> None:
    page = tmp_path / "calibration.md"
    calibrate.write((), page)
    before = page.read_text("utf-8")

    calibrate.write((), page)

    assert page.read_text("utf-8") == before
    assert len(parts) == 2


def test_a_title_that_is_none_is_refused() -> None:
    with pytest.raises(SystemExit, match="no section 'Lifts'; there are "):
        calibrate.write(["Lifts"])


def test_no_title_is_used_twice() -> None:
    titles = [title for part in calibrate.PARTS.values() for title in part]

    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("share", "side", "holds"),
    # Exact 99 % bounds of 5 in 100: 0.0109 to 0.1351 (R: binom.test(5, 100, conf.level = .99)).
    [
        (0.011, "at most", True),
        (0.010, "at most", False),
        (0.134, "at least", True),
        (0.136, "at least", False),
        (0.05, "about", True),
        (0.010, "about", False),
        (0.136, "about", False),
    ],
)
def test_a_promise_holds_within_exact_bounds(share: float, side: str, holds: bool) -> None:
    assert Share(5, 100).holds(share, side) is holds  # type: ignore[arg-type]  # a side
