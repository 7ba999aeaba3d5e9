"""Entries of the ledger as the events of the contract, and those as JSON for people."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from fairlift.v1 import admin_service_pb2
from fairlift.v1 import event_service_pb2 as pb
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.events.ledger import (
    MICROS,
    ActionEntry,
    AmendmentEntry,
    AmendmentKind,
    AttributeEntry,
    ExposureEntry,
    IdentityEntry,
    OrderContent,
    OrderEntry,
    content_from_text,
)
from fairlift_server.store.person_entries import PersonEntry

_MICROS = "_micros"
_PLURALS = {
    "exposure": "exposures",
    "action": "actions",
    "order": "orders",
    "amendment": "amendments",
    "identity": "identity_links",
}


def event_of(entry: PersonEntry) -> pb.Event:
    """The event that an entry came from, with its ids as they are stored."""
    event = pb.Event(event_id=str(UUID(bytes=entry.event_id)), event_time=_time(entry.time_us))
    match entry:
        case ExposureEntry():
            event.exposure.CopyFrom(_exposure(entry))
        case ActionEntry():
            event.action.name, event.action.unit_id = entry.name, entry.unit
            if entry.value is not None:
                event.action.value = entry.value
        case IdentityEntry():
            event.identity.visitor_id = entry.visitor
            event.identity.customer_id = entry.customer
        case OrderEntry():
            event.order.CopyFrom(_order(entry.order_id, entry.content))
        case AmendmentEntry():
            event.amendment.CopyFrom(_amendment(entry))
        case _:
            assert_never(entry)
    return event


def attribute_of(entry: AttributeEntry) -> admin_service_pb2.CustomerAttribute:
    """What is known of a person, with the id as it is stored."""
    return admin_service_pb2.CustomerAttribute(
        unit_id=entry.unit, name=entry.name, label=entry.label, valid_from_time=_time(entry.time_us)
    )


def person_json(
    events: Iterable[pb.Event],
    attributes: Iterable[admin_service_pb2.CustomerAttribute],
    waiting: Iterable[pb.Event],
) -> dict[str, Any]:
    """What is kept about a person: times in ISO 8601, money in units of its currency.

    `Any`: a JSON object.
    """
    tables: dict[str, list[Any]] = {plural: [] for plural in _PLURALS.values()}
    for event in events:
        tables[_PLURALS[event.WhichOneof("kind") or ""]].append(_fields(event))
    tables["customer_attributes"] = [
        MessageToDict(attribute, preserving_proto_field_name=True) for attribute in attributes
    ]
    tables["waiting_events"] = [
        {"kind": event.WhichOneof("kind"), **_fields(event)} for event in waiting
    ]
    return {"counts": {table: len(rows) for table, rows in tables.items()}, **tables}


def _fields(event: pb.Event) -> dict[str, Any]:
    message = MessageToDict(event, preserving_proto_field_name=True)
    kind = event.WhichOneof("kind") or ""
    content = message.pop(kind, {})
    return {**message, **_in_units(content)}


def _in_units(value: Any) -> Any:
    """The JSON value with amounts in units: 24.95 for 24,950,000 micros."""
    if isinstance(value, list):
        return [_in_units(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key.removesuffix(_MICROS): (
            f"{Decimal(each) / MICROS:f}" if key.endswith(_MICROS) else _in_units(each)
        )
        for key, each in value.items()
    }


def _exposure(entry: ExposureEntry) -> pb.Exposure:
    message = pb.Exposure(
        campaign=f"campaigns/{entry.campaign}",
        variant=entry.variant,
        unit_id=entry.unit,
        epoch=entry.epoch,
    )
    for name, label in json.loads(entry.segments or "{}").items():
        message.attributes[name].string_value = label
    return message


def _order(order_id: str, content: OrderContent) -> pb.Order:
    message = pb.Order(
        order_id=order_id,
        unit_id=content.unit,
        currency_code=content.currency_code,
        discount_micros=content.discount_micros,
        coupons=content.coupons.split("\n")[1:-1],
        shipping_cost_micros=content.shipping_cost_micros,
        channel=content.channel,
        test=bool(content.test),
        lines=_lines(content),
    )
    if content.first_purchase is not None:
        message.first_purchase = bool(content.first_purchase)
    return message


def _lines(content: OrderContent) -> Iterator[pb.OrderLine]:
    for line in content.lines:
        yield pb.OrderLine(
            product_id=line.product_id,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
            unit_cost_micros=line.unit_cost_micros,
            kind=pb.LineKind.Value(f"LINE_KIND_{line.kind.upper()}"),
            category=line.category,
        )


def _amendment(entry: AmendmentEntry) -> pb.Amendment:
    message = pb.Amendment(order_id=entry.order_id)
    match entry.kind:
        case AmendmentKind.REFUND:
            message.refund.CopyFrom(
                pb.Refund(
                    currency_code=entry.currency_code,
                    goods_micros=entry.goods_micros,
                    recovered_cost_micros=entry.recovered_cost_micros,
                    items=entry.items,
                    tax_micros=entry.tax_micros,
                    delivery_micros=entry.delivery_micros,
                    running_total=bool(entry.running_total),
                )
            )
        case AmendmentKind.CANCELLATION:
            message.cancellation.SetInParent()
        case AmendmentKind.REOPENING:
            message.reopening.SetInParent()
        case AmendmentKind.CORRECTION:
            assert entry.correction is not None, "a correction says what the order is"
            content = content_from_text(entry.correction)
            message.correction.CopyFrom(_order(entry.order_id, content))
        case _:
            assert_never(entry.kind)
    return message


def _time(time_us: int) -> Timestamp:
    time = Timestamp()
    time.FromMicroseconds(time_us)
    return time
