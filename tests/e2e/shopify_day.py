"""A day's orders as Shopify's admin exports them, with all of its columns, and what they are worth.

Who bought is planted: nothing of these names may be found where the server keeps something.
"""

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

# In the order of the export.
COLUMNS = [
    "Name",
    "Email",
    "Financial Status",
    "Paid at",
    "Fulfillment Status",
    "Fulfilled at",
    "Accepts Marketing",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Total",
    "Discount Code",
    "Discount Amount",
    "Shipping Method",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem compare at price",
    "Lineitem sku",
    "Lineitem requires shipping",
    "Lineitem taxable",
    "Lineitem fulfillment status",
    "Billing Name",
    "Billing Street",
    "Billing Address1",
    "Billing Address2",
    "Billing Company",
    "Billing City",
    "Billing Zip",
    "Billing Province",
    "Billing Country",
    "Billing Phone",
    "Shipping Name",
    "Shipping Street",
    "Shipping Address1",
    "Shipping Address2",
    "Shipping Company",
    "Shipping City",
    "Shipping Zip",
    "Shipping Province",
    "Shipping Country",
    "Shipping Phone",
    "Notes",
    "Note Attributes",
    "Cancelled at",
    "Payment Method",
    "Payment Reference",
    "Refunded Amount",
    "Vendor",
    "Outstanding Balance",
    "Employee",
    "Location",
    "Device ID",
    "Id",
    "Tags",
    "Risk Level",
    "Source",
    "Lineitem discount",
    "Tax 1 Name",
    "Tax 1 Value",
    "Tax 2 Name",
    "Tax 2 Value",
    "Tax 3 Name",
    "Tax 3 Value",
    "Tax 4 Name",
    "Tax 4 Value",
    "Tax 5 Name",
    "Tax 5 Value",
    "Phone",
    "Receipt Number",
    "Duties",
    "Billing Province Name",
    "Shipping Province Name",
    "Payment ID",
    "Payment Terms Name",
    "Next Payment Due At",
    "Payment References",
]

# As storefronts and the export write them: the case differs.
_ADDRESS = "Planted.{}@Secret-Shop.example"
PHONE = "+34 600111222"
# No part of them is in anything that the server may keep, in any case.
NEEDLES = (b"planted.", b"secret-shop", b"600111222", "planted.".encode("utf-16-le"))


def email(name: str) -> str:
    """As the shop's links and the import have it."""
    return _ADDRESS.format(name).lower()


def orders_file(path: Path, at: datetime) -> None:
    """Writes the orders of a moment and the seconds after it; times have an offset.

    Taxes of 21 % stand in all prices but those in dollars:
    - #1001 of Ana, two lines: 121.00 with 21.00 of tax, so 100.00.
    - #1002 of Bruno: a scarf of 60.50 less 10 % and 6.05 of delivery; 30.25 went back. Without tax
      that is 50.00 less 5.00, of which 25.00 went back.
    - #1003 from a till, without an e-mail; #1004 from a till, with a phone only.
    - #1005 of Carla in dollars, to whose 100.00 of goods 8.80 of tax was added.
    - #1006 of Dora, who was never in the campaign; cancelled, all of it refunded.
    - #1007 of the shop's own people, a test.
    """
    rows = [
        _order("#1001", "Ana", "121.00", "0.00", "21.00", "121.00", "Boots - 41", "80.00"),
        {"Name": "#1001", "Email": _ADDRESS.format("Ana"), **_line("Wool socks", "20.50", "2")},
        _order("#1002", "Bruno", "54.45", "6.05", "10.50", "60.50", "Scarf", "60.50")
        | {
            "Discount Code": "WINTER10, FREESHIP",
            "Discount Amount": "12.10",
            "Financial Status": "partially_refunded",
            "Refunded Amount": "30.25",
            "Notes": "Gift,\nplease wrap",
        },
        _order("#1003", "", "24.20", "0.00", "4.20", "24.20", "Hat", "24.20")
        | {"Source": "pos", "Location": "Calle Mayor"},
        _order("#1004", "", "24.20", "0.00", "4.20", "24.20", "Hat", "24.20")
        | {"Source": "pos", "Phone": PHONE},
        _order("#1005", "Carla", "100.00", "10.00", "8.80", "118.80", "Boots - 41", "100.00")
        | {"Currency": "USD", "Tax 1 Name": "NY State Tax 8%"},
        _order("#1006", "Dora", "60.50", "6.05", "11.55", "66.55", "Scarf", "60.50")
        | {"Refunded Amount": "66.55", "Cancelled at": _time(at), "Financial Status": "refunded"},
        _order("#1007", "Team", "12.10", "0.00", "2.10", "12.10", "Hat", "12.10")
        | {"Tags": "internal, Test"},
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"Created at": _time(at)} for row in rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def _order(
    name: str, who: str, subtotal: str, shipping: str, taxes: str, total: str, item: str, price: str
) -> dict[str, str]:
    """The first row of an order, which has what is of all of it."""
    address = _ADDRESS.format(who) if who else ""
    return {
        "Name": name,
        "Email": address,
        "Financial Status": "paid",
        "Fulfillment Status": "unfulfilled",
        "Accepts Marketing": "no",
        "Currency": "EUR",
        "Subtotal": subtotal,
        "Shipping": shipping,
        "Taxes": taxes,
        "Total": total,
        "Discount Amount": "0.00",
        "Billing Name": f"Planted. {who}" if who else "",
        "Billing Zip": "'08001",
        "Payment Method": "Shopify Payments",
        "Refunded Amount": "0.00",
        "Outstanding Balance": "0.00",
        "Id": f"55{name[1:]}",
        "Risk Level": "Low",
        "Source": "web",
        "Tax 1 Name": "ES IVA 21%",
        "Tax 1 Value": taxes,
        **_line(item, price, "1"),
    }


def _line(item: str, price: str, quantity: str) -> dict[str, str]:
    return {
        "Lineitem quantity": quantity,
        "Lineitem name": item,
        "Lineitem price": price,
        "Lineitem sku": item.split()[0].upper(),
        "Lineitem requires shipping": "true",
        "Lineitem taxable": "true",
        "Lineitem fulfillment status": "pending",
        "Vendor": "Northwind",
        "Lineitem discount": "0.00",
    }


def _time(at: datetime) -> str:
    """In Madrid in winter."""
    return f"{at + timedelta(hours=1):%Y-%m-%d %H:%M:%S} +0100"
