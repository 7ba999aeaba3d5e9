"""Many campaigns are applied in requests of a size that the server takes."""

import pytest
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_cli import apply


def named(number: int, *, needs: int | None = None, layer: str = "") -> Campaign:
    campaign = Campaign(name=f"campaigns/c{number:04}")
    if needs is not None:
        campaign.prerequisites.add(campaign=f"campaigns/c{needs:04}", variants=["a"])
    if layer:
        campaign.layer.layer = layer
    return campaign


def test_a_group_has_at_most_a_thousand_campaigns() -> None:
    groups = list(apply.groups_of(map(named, range(2_500))))

    assert [len(group) for group in groups] == [1_000, 1_000, 500]
    assert len({campaign.name for group in groups for campaign in group}) == 2_500


def test_a_group_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_MAX_BYTES", 3 * named(0).ByteSize())

    groups = list(apply.groups_of(map(named, range(10))))

    assert [len(group) for group in groups] == [3, 3, 3, 1]


def test_campaigns_that_depend_on_each_other_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_MAX_CAMPAIGNS", 3)
    campaigns = [
        named(0, needs=5),
        named(1),
        named(2, layer="page"),
        named(3),
        named(4, layer="page"),
        named(5, needs=6),
        named(6),
    ]

    groups = [{c.name[-1] for c in group} for group in apply.groups_of(campaigns)]

    assert {"0", "5", "6"} in groups
    assert any({"2", "4"} <= group for group in groups)
    assert sorted(sign for group in groups for sign in group) == list("0123456")


def test_nothing_is_no_group() -> None:
    assert list(apply.groups_of([])) == []
