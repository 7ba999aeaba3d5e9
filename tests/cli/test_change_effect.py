"""What a change does to visitors: counted by the engine, and equal to what chance says."""

import math
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fairlift.engine.campaign import Campaign, LayerSlice, Prerequisite, UnitKind, Variant
from fairlift_cli.audience.parser import parse
from fairlift_cli.change_effect import ChangeEffect, effect_of_change
from fairlift_cli.change_table import effect_in_words
from fairlift_cli.failures import Misused

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHIP = Campaign("ship", (Variant("a"), Variant("b")), traffic_bps=5_000)


def effect(
    before: Campaign,
    after: Campaign,
    *others: Campaign,
    is_new_epoch: bool = True,
    sample: Path | int = 50_000,
) -> ChangeEffect:
    return effect_of_change(
        before,
        after,
        others={other.id: other for other in (*others, before)},
        is_new_epoch=is_new_epoch,
        now=NOW,
        sample=sample,
    )


def assert_share(count: int, of: int, share: float) -> None:
    """Within five standard deviations of what is expected."""
    assert abs(count / of - share) < 5 * math.sqrt(share * (1 - share) / of) + 2e-4


def test_a_new_epoch_draws_traffic_and_variants_anew() -> None:
    after = replace(SHIP, variants=(Variant("a", 3), Variant("b", 1)))

    found = effect(SHIP, after)

    # Half are in; of those half stay, and 1/2 * 1/4 + 1/2 * 3/4 of them change variant.
    assert_share(found.were_in, found.sampled, 0.5)
    assert_share(found.left, found.were_in, 0.5)
    assert_share(found.moved, found.were_in, 0.25)
    assert_share(found.joined, found.sampled, 0.25)


def test_more_traffic_moves_nobody() -> None:
    found = effect(SHIP, replace(SHIP, traffic_bps=8_000), is_new_epoch=False)

    assert (found.moved, found.left) == (0, 0)
    assert_share(found.joined, found.sampled, 0.3)


def test_an_audience_apart_from_the_old_one_is_left_by_all() -> None:
    before = replace(SHIP, audience=parse('country == "ES"'))

    found = effect(before, replace(SHIP, audience=parse('country == "RO"')))

    assert found.left == found.were_in > 0
    assert found.joined == 0
    assert found.is_of_both


def test_a_customers_campaign_counts_customers() -> None:
    before = replace(SHIP, unit=UnitKind.CUSTOMER)

    found = effect(before, replace(before, variants=(Variant("a", 9), Variant("b", 1))))

    assert found.unit == "customer"
    assert_share(found.were_in, found.sampled, 0.5)


def test_layers_and_required_campaigns_count() -> None:
    gate = Campaign("gate", (Variant("x"), Variant("y")), audience=parse("vip"))
    before = replace(
        SHIP,
        traffic_bps=10_000,
        layer=LayerSlice("page", 0, 5_000),
        prerequisites=(Prerequisite("gate", ("y",)),),
    )

    found = effect(before, replace(before, layer=LayerSlice("page", 0, 2_500)), gate)

    assert_share(found.were_in, found.sampled, 0.25)
    assert_share(found.left, found.were_in, 0.5)  # the layer's salt stays
    assert_share(found.moved, found.were_in, 0.25)


def test_a_chain_of_required_campaigns_is_met_as_a_whole() -> None:
    # Given a campaign that needs half of those who are in half of another audience
    last = Campaign("last", (Variant("x"), Variant("y")), audience=parse("vip"))
    middle = Campaign(
        "middle",
        (Variant("x"), Variant("y")),
        audience=parse("age >= 18"),
        prerequisites=(Prerequisite("last", ("y",)),),
    )
    before = replace(SHIP, traffic_bps=10_000, prerequisites=(Prerequisite("middle", ("y",)),))

    found = effect(before, replace(before, variants=(Variant("a", 3), Variant("b"))), middle, last)

    assert_share(found.were_in, found.sampled, 0.25)
    assert_share(found.moved, found.were_in, 0.5)


def test_a_new_prerequisite_leaves_those_who_meet_it() -> None:
    gate = Campaign("gate", (Variant("x"), Variant("y")), audience=parse("vip"))
    before = replace(SHIP, traffic_bps=10_000)

    found = effect(before, replace(before, prerequisites=(Prerequisite("gate", ("y",)),)), gate)

    assert_share(found.left, found.were_in, 0.5)


def test_an_effect_that_is_not_known_is_no_zero() -> None:
    sentence = effect_in_words(ChangeEffect(100, 0, 0, 0, 0), 61_020)

    assert sentence.startswith("not known: none of the visitors is in the campaign")


def test_visitors_of_a_file_are_counted_one_by_one(tmp_path: Path) -> None:
    # Given 300 visitors of Spain, 200 of Romania and 100 who do not say
    path = tmp_path / "visitors.csv"
    countries = ["ES"] * 300 + ["RO"] * 200 + [""] * 100
    rows = (f"v{number},{country},40" for number, country in enumerate(countries))
    path.write_text("\ufeffvisitor,country,cart_value\n" + "\n".join(rows) + "\n")
    before = replace(SHIP, traffic_bps=10_000, audience=parse('country == "ES"'))
    after = replace(before, audience=parse('country in ["ES", "RO"] and cart_value >= 40'))

    found = effect(before, after, sample=path)

    assert (found.sampled, found.were_in, found.left, found.joined) == (600, 300, 0, 200)
    assert 100 < found.moved < 200
    assert not found.is_of_both


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column visitor or customer"),
        (b"id,country\n", "has no column visitor or customer"),
        (b"visitor,visitor\n", "names a column twice"),
        (b"visitor,country\nv1\n", "v.csv:2: must have 2 cells"),
        (b"visitor,country\nv1,ES,3\n", "v.csv:2: must have 2 cells"),
        (b'visitor\n"v1', "is not CSV"),
        (b"visitor\n\xff\n", "is not UTF-8"),
    ],
)
def test_a_file_that_holds_no_visitors_is_told(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_bytes(content)

    with pytest.raises(Misused, match=said):
        effect(SHIP, replace(SHIP, traffic_bps=1), sample=path)


@pytest.mark.timeout(20)
def test_a_pipe_of_visitors_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")

    with pytest.raises(Misused, match="is not a plain file"):
        effect(SHIP, replace(SHIP, traffic_bps=1), sample=tmp_path / "pipe.csv")


def test_the_sentence_says_of_whom_it_speaks(tmp_path: Path) -> None:
    simulated = ChangeEffect(100_000, 50_000, 12_500, 25_000, 0)
    given = replace(simulated, sampled=61_020, moved=14_203, left=0, source=tmp_path / "shop.csv")

    assert effect_in_words(given, 5) == (
        "14,203 of 50,000 visitors in the campaign would change variant (shop.csv)"
    )
    assert effect_in_words(simulated, 61_020) == (
        "15,255 of the 61,020 visitors so far would change variant, 30,510 of the 61,020 visitors "
        "so far would leave (estimated on 100,000 simulated)"
    )
    assert effect_in_words(replace(simulated, left=0, unit="customer"), 0) == (
        "25.0% of the customers in it would change variant (100,000 simulated)"
    )
    assert effect_in_words(ChangeEffect(10, 5, 0, 0, 0), 0) == (
        "no visitor would change variant (10 simulated)"
    )
    assert "--visitors FILE counts them" in effect_in_words(replace(simulated, is_of_both=True), 0)
