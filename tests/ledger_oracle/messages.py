"""The same events as messages of the contract."""

import uuid
from typing import assert_never

from fairlift.v1 import event_service_pb2 as pb

from .events import (
    Action,
    Cancellation,
    Content,
    Correction,
    Event,
    Exposure,
    Link,
    Order,
    Rate,
    Refund,
    Reopening,
)

_KINDS = {
    "regular": pb.LINE_KIND_REGULAR,
    "upsell": pb.LINE_KIND_UPSELL,
    "cross_sell": pb.LINE_KIND_CROSS_SELL,
}


def message_of(event: Event) -> pb.Event:
    """What a shop would send."""
    message = pb.Event(event_id=str(uuid.UUID(event.id)))
    message.event_time.FromMicroseconds(event.at)
    match event:
        case Exposure():
            message.exposure.campaign = f"campaigns/{event.campaign}"
            message.exposure.epoch = event.epoch
            message.exposure.variant = event.variant
            message.exposure.unit_id = event.unit
        case Action():
            message.action.name = event.name
            message.action.unit_id = event.unit
            if event.value is not None:
                message.action.value = event.value
        case Order():
            message.order.CopyFrom(_order(event.content, event.order))
        case Correction():
            message.amendment.order_id = event.order
            message.amendment.correction.CopyFrom(_order(event.content, ""))
        case Refund():
            message.amendment.order_id = event.order
            message.amendment.refund.CopyFrom(_refund(event))
        case Cancellation():
            message.amendment.order_id = event.order
            message.amendment.cancellation.SetInParent()
        case Reopening():
            message.amendment.order_id = event.order
            message.amendment.reopening.SetInParent()
        case Link():
            message.identity.visitor_id = event.visitor
            message.identity.customer_id = event.customer
        case Rate():
            message.exchange_rate.currency_code = event.currency
            message.exchange_rate.shop_picos_per_unit = event.picos
        case _:
            assert_never(event)
    return message


def _refund(event: Refund) -> pb.Refund:
    return pb.Refund(
        currency_code=event.currency,
        goods_micros=event.goods,
        recovered_cost_micros=event.recovered,
        items=event.items,
        tax_micros=event.tax,
        delivery_micros=event.delivery,
        running_total=event.running_total,
    )


def _order(content: Content, order_id: str) -> pb.Order:
    return pb.Order(
        order_id=order_id,
        unit_id=content.unit,
        currency_code=content.currency,
        lines=[
            pb.OrderLine(
                product_id=line.product,
                quantity=line.quantity,
                unit_price_micros=line.price,
                unit_cost_micros=line.cost,
                kind=_KINDS[line.kind],
                category=line.category,
            )
            for line in content.lines
        ],
        discount_micros=content.discount,
        coupons=content.coupons,
        shipping_cost_micros=content.shipping,
        first_purchase=content.first,
        test=content.test,
    )
