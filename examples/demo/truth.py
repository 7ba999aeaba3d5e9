"""The true effects of the simulated campaigns; the server sees only their events."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a variant on a visitor: factors on the control's conversion and ticket."""

    conversion: float = 1.0
    ticket: float = 1.0

    @property
    def lifts(self) -> dict[str, float]:
        """The true lift of each headline metric: the factors multiply, so they are exact."""
        return {
            "conversion_rate": self.conversion - 1,
            "average_ticket": self.ticket - 1,
            "revenue_per_visitor": self.conversion * self.ticket - 1,
        }


# A tenth off for the share of buyers who use the coupon.
COUPON_DISCOUNT = 0.10
COUPON_USE = 0.6

NOTHING = Effect()
TRUTH: dict[str, dict[str, Effect]] = {
    # A true effect: the coupon brings buyers, and costs a part of each basket.
    "coupon-popup": {"coupon-10": Effect(1.30, 1 - COUPON_DISCOUNT * COUPON_USE)},
    # A trade-off: fewer visitors buy, but their baskets are larger.
    "free-shipping": {"free-over-50": Effect(0.87, 1.15)},
    # No effect in either variant.
    "cross-sell": {"bought-together": NOTHING, "same-look": NOTHING},
}


def effect(campaign: str, variant: str) -> Effect:
    """The effect of a variant; controls have none."""
    return TRUTH[campaign].get(variant, NOTHING)
