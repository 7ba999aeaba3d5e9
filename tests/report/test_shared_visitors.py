"""The matrix of running campaigns: a visitor may be in both, cannot be, or it cannot be told."""

import pytest
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_PAUSED, CAMPAIGN_STATE_RUNNING, Campaign
from fairlift_cli.figures import Figures
from fairlift_cli.reader import read_text
from fairlift_cli.report.shared_visitors import shared_visitors_table

_FILE = "campaign: {name}\naudience: {audience}\nvariants: [{{id: control}}, {{id: red}}]\n"


def running(name: str, audience: str, more: str = "") -> Campaign:
    (document,) = read_text(_FILE.format(name=name, audience=audience) + more, "c.yaml").documents
    campaign = document.message
    campaign.name, campaign.state = f"campaigns/{name}", CAMPAIGN_STATE_RUNNING
    return campaign


def cells(*campaigns: Campaign) -> list[tuple[str, ...]]:
    table = shared_visitors_table(Figures("en"), campaigns)
    assert table is not None
    (group,) = table.groups
    return [row.cells for row in group.rows]


def test_audiences_that_exclude_each_other_share_nobody() -> None:
    small, large = running("small", "cart < 30"), running("large", "cart >= 30")
    every = running("every", "cart > 1")

    assert cells(small, large, every) == [("", "–", "●"), ("–", "", "●"), ("●", "●", "")]


def test_campaigns_of_one_layer_share_nobody() -> None:
    layer = "layer: {{layer: checkout, start_bps: {}, size_bps: 5000}}\n"
    one = running("one", "cart > 1", layer.format(0))
    two = running("two", "cart > 1", layer.format(5000))

    assert cells(one, two) == [("", "–"), ("–", "")]


def test_what_the_search_cannot_tell_is_said_so() -> None:
    """Versions mixed with parts of a text are left undecided."""
    newer = running("newer", '\'version(x) > "1.0" and x starts_with "2."\'')
    ending = running("ending", "'x ends_with \".5\"'")

    assert cells(newer, ending) == [("", "?"), ("?", "")]


def test_one_campaign_needs_no_matrix() -> None:
    paused = running("paused", "cart > 1")
    paused.state = CAMPAIGN_STATE_PAUSED

    assert shared_visitors_table(Figures("en"), [running("one", "cart > 1"), paused]) is None


def test_a_campaign_that_this_version_cannot_read_is_left_out() -> None:
    newer = running("newer", "cart > 1")
    del newer.variants[1:]

    assert shared_visitors_table(Figures("en"), [running("one", "cart > 1"), newer]) is None


def test_a_matrix_is_small_however_many_campaigns_run() -> None:
    many = [running(f"campaign-{number}", f"cart > {number}") for number in range(15)]

    assert {len(row) for row in cells(*many)} == {12}


@pytest.mark.parametrize(("count", "ending"), [(12, "visitors"), (15, ": the first 12 of 15")])
def test_a_matrix_says_how_many_it_leaves_out(count: int, ending: str) -> None:
    many = [running(f"campaign-{number}", f"cart > {number}") for number in range(count)]

    table = shared_visitors_table(Figures("en"), many)

    assert table is not None
    assert table.heading.endswith(ending)
