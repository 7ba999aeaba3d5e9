"""What a report counts of each variant, as tables of reports name it."""

from collections.abc import Mapping
from typing import Final

from fairlift.v1.results_service_pb2 import VariantTotals

_MICROS: Final = 1_000_000


def variant_counts(total: VariantTotals) -> Mapping[str, float]:
    """The counts of a variant by name, in their order; money in the currency's own unit."""
    return {
        "units": total.units,
        "mature_units": total.mature_units,
        "contaminated_units": total.contaminated_units,
        "buyers": total.buyers,
        "orders": total.orders,
        "refunded_orders": total.refunded_orders,
        "revenue": total.revenue_micros / _MICROS,
        "net_revenue": total.net_revenue_micros / _MICROS,
    }
