"""Which campaigns cannot have the same visitors, whatever their audiences say."""

from fairlift.engine.campaign import Campaign


def are_apart(one: Campaign, other: Campaign) -> bool:
    """Whether no visitor can be in both at one time: they share a layer, or one ends first."""
    # In a layer, a visitor and the same person as a customer have different buckets.
    if one.layer and other.layer and (one.unit, one.layer.layer) == (other.unit, other.layer.layer):
        return True
    return _ends_before(one, other) or _ends_before(other, one)


def _ends_before(one: Campaign, other: Campaign) -> bool:
    return bool(one.end_time and other.start_time and one.end_time <= other.start_time)
