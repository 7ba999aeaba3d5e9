"""A shop's own tables as queries that have the columns of the ledger's tables."""

from collections.abc import Mapping

from fairlift_server.analysis.table_views import KEY_TABLE
from fairlift_server.sources.dialects import SqlDialect
from fairlift_server.sources.source_file import Sources, SourceTable
from fairlift_server.sources.sql_pieces import rows_of

# What an order adds up to where its lines are mapped and the order itself does not say.
_OF_LINES = {
    "revenue": "l.goods",
    "cost": "l.cost",
    "items": "l.items",
    "upsell": "l.upsell",
    "cross_sell": "l.cross_sell",
}
_EMPTY = "''"
_AMOUNTS = ("revenue", "refunded", "discount", "cost", "shipping_cost")
_FLAGS = ("test", "upsell", "cross_sell", "cancelled")


class LedgerViews:
    """The queries of one engine.

    Args:
        sources: that were checked.
        dialect: of the engine.
        currency: the shop's, in which all amounts are.
        keyed: whether ids are to be hashed, as the ledger stores them.
    """

    def __init__(
        self, sources: Sources, dialect: SqlDialect, *, currency: str, keyed: bool
    ) -> None:
        assert dialect.keyed or not keyed, "ids are hashed where Fairlift runs"
        self._sources = sources
        self._dialect = dialect
        self._currency = currency
        self._keyed = keyed

    def queries(self) -> Mapping[str, str]:
        """By the name of each table of the ledger that is mapped."""
        makers = {
            "exposures": self._exposures,
            "orders": self._orders,
            "actions": self._actions,
            "links": self._links,
            "attributes": self._attributes,
        }
        names = {"links": "identity_links", "attributes": "customer_attributes"}
        tables = self._sources.tables
        made = {
            names.get(name, name): make(tables[name])
            for name, make in makers.items()
            if name in tables
        }
        if "lines" in tables:
            made["order_lines"] = self._order_lines(tables["lines"])
        return made

    def _exposures(self, table: SourceTable) -> str:
        return self._select(
            table,
            {
                **self._event(table),
                "campaign": self._text(table, "campaign"),
                "epoch": f"CAST({_given_or(table, 'epoch', '1')} AS BIGINT)",
                "variant": self._text(table, "variant"),
                "segments": self._json(table),
            },
            # No visitor was seen; all such rows would count as one.
            where=f"TRIM({self._text(table, 'unit')}) <> ''",
        )

    def _actions(self, table: SourceTable) -> str:
        value = f"CAST({_given(table, 'value', 'NULL')} AS DOUBLE)"
        columns = {"name": self._text(table, "name"), "value": value}
        return self._select(table, {**self._event(table), **columns})

    def _links(self, table: SourceTable) -> str:
        ids = {name: self._id(table, name) for name in ("visitor", "customer")}
        return self._select(table, {**self._times(table), **ids})

    def _attributes(self, table: SourceTable) -> str:
        """One query for each label: a row says several things of a unit."""
        parts = (
            {"name": self._dialect.quoted(name), "label": self._label(number)}
            for number, name in enumerate(table.labels)
        )
        return " UNION ALL ".join(
            self._select(table, {**self._event(table), **part}) for part in parts
        )

    def _orders(self, table: SourceTable) -> str:
        lines = self._sources.tables.get("lines")
        amounts = {name: _micros(self._of_order(table, name, "0")) for name in _AMOUNTS}
        if "revenue" not in table.columns:
            amounts["revenue"] = f"({amounts['revenue']} - {amounts['discount']})"
        net = f"({amounts['revenue']} - {amounts['refunded']})"
        columns = {
            "order_id": self._text(table, "order"),
            **self._event(table),
            "currency_code": self._dialect.quoted(self._currency),
            "rate_picos": "CAST(NULL AS BIGINT)",
            "items": f"CAST(COALESCE({self._of_order(table, 'items', '1')}, 1) AS BIGINT)",
            "goods_micros": f"({amounts['revenue']} + {amounts['discount']})",
            "discount_micros": amounts["discount"],
            "cost_micros": amounts["cost"],
            "shipping_cost_micros": amounts["shipping_cost"],
            "coupons": self._coupons(_given(table, "coupons", "''")),
            "channel": f"COALESCE({self._text(table, 'channel', _EMPTY)}, {_EMPTY})",
            "first_purchase": f"CAST({_given(table, 'first_purchase', 'NULL')} AS BOOLEAN)",
            "placed": f"CAST(NULL AS {self._dialect.text})",
            **{name: _flag(self._of_order(table, name, "FALSE")) for name in _FLAGS},
            "refunded": f"({amounts['refunded']} > 0)",
            "shop_revenue_micros": amounts["revenue"],
            "shop_net_revenue_micros": net,
            "shop_profit_micros": f"({net} - {amounts['cost']} - {amounts['shipping_cost']})",
            "shop_discount_micros": amounts["discount"],
        }
        joined = ""
        if lines is not None:
            order = self._text(table, "order")
            joined = f" LEFT JOIN ({self._totals(lines)}) AS l ON l.order_id = {order}"
        return self._select(table, columns, joined=joined)

    def _of_order(self, table: SourceTable, name: str, default: str) -> str:
        if name not in table.columns and name in _OF_LINES and "lines" in self._sources.tables:
            return f"COALESCE({_OF_LINES[name]}, {default})"
        return _given(table, name, default)

    def _totals(self, lines: SourceTable) -> str:
        """One row for each order: what its lines add up to."""
        order, kind = self._text(lines, "order"), _given(lines, "kind", "''")
        quantity = f"CAST({_given_or(lines, 'quantity', '1')} AS BIGINT)"
        columns = {
            "order_id": order,
            "items": f"SUM({quantity})",
            "goods": f"SUM({quantity} * {_decimal(_given(lines, 'unit_price', '0'))})",
            "cost": f"SUM({quantity} * {_decimal(_given(lines, 'unit_cost', '0'))})",
            **{
                name: f"MAX(CASE WHEN {kind} = '{name}' THEN 1 ELSE 0 END) = 1"
                for name in ("upsell", "cross_sell")
            },
        }
        return f"{self._select(lines, columns)} GROUP BY {order}"

    def _order_lines(self, table: SourceTable) -> str:
        texts = (("product_id", "product"), ("kind", "kind"), ("category", "category"))
        return self._select(
            table,
            {
                "order_id": self._text(table, "order"),
                "quantity": f"CAST({_given_or(table, 'quantity', '1')} AS BIGINT)",
                "unit_price_micros": _micros(_given(table, "unit_price", "0")),
                "unit_cost_micros": _micros(_given(table, "unit_cost", "0")),
                **{name: self._text(table, field, "''") for name, field in texts},
            },
        )

    def _select(
        self, table: SourceTable, columns: Mapping[str, str], *, joined: str = "", where: str = ""
    ) -> str:
        """The columns over what the file gives: nothing of the shop's meets a name of ours."""
        of_shop = {f"given_{name}": column.sql for name, column in table.columns.items()}
        of_shop |= {
            f"label_{number}": label.sql for number, label in enumerate(table.labels.values())
        }
        inner = ", ".join(f"{sql} AS {name}" for name, sql in of_shop.items())
        outer = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        key = f" CROSS JOIN {KEY_TABLE} AS k" if "k.inner_state" in outer else ""
        condition = f" WHERE {where}" if where else ""
        rows = f"(SELECT {inner} FROM {rows_of(table)}) AS g{joined}{key}"
        return f"SELECT {outer} FROM {rows}{condition}"

    def _event(self, table: SourceTable) -> dict[str, str]:
        return {"unit": self._id(table, "unit"), **self._times(table)}

    def _times(self, table: SourceTable) -> dict[str, str]:
        time = self._dialect.micros.format(_given(table, "time", "NULL"))
        has_received = "received" in table.columns
        came = time
        if has_received:
            came = f"COALESCE({self._dialect.micros.format('g.given_received')}, {time})"
        return {"time_us": time, "received_us": came}

    def _id(self, table: SourceTable, name: str) -> str:
        text = self._text(table, name)
        return self._dialect.keyed.format(text) if self._keyed else text

    def _text(self, table: SourceTable, name: str, default: str = "NULL") -> str:
        return f"CAST({_given(table, name, default)} AS {self._dialect.text})"

    def _label(self, number: int) -> str:
        """A label: a text without control characters; empty where there is none."""
        text = f"COALESCE(CAST(g.label_{number} AS {self._dialect.text}), '')"
        return self._dialect.printable.format(text)

    def _json(self, table: SourceTable) -> str:
        """A JSON object of texts: engines agree on no function that makes one."""
        if not table.labels:
            return f"CAST(NULL AS {self._dialect.text})"
        quoted, label_of = self._dialect.quoted, {name: n for n, name in enumerate(table.labels)}
        parts: list[str] = []
        for name in sorted(label_of):
            label = self._label(label_of[name])
            for character in ("\\", '"'):
                label = f"REPLACE({label}, {quoted(character)}, {quoted(chr(92) + character)})"
            parts += [quoted(f'{", " if parts else "{"}"{name}": "'), label, quoted('"')]
        return " || ".join((*parts, quoted("}")))

    def _coupons(self, text: str) -> str:
        r"""Codes between commas as the ledger has them: `\nfree5\ngift\n`, without case."""
        quoted, line = self._dialect.quoted, self._dialect.quoted("\n")
        plain = f"LOWER(TRIM(COALESCE(CAST({text} AS {self._dialect.text}), '')))"
        for gap, instead in (("ß", "ss"), (", ", ","), (" ,", ",")):
            plain = f"REPLACE({plain}, {quoted(gap)}, {quoted(instead)})"
        listed = f"{line} || REPLACE({plain}, {quoted(',')}, {line}) || {line}"
        return f"CASE WHEN {plain} = '' THEN '' ELSE {listed} END"


def _given(table: SourceTable, name: str, default: str) -> str:
    return f"g.given_{name}" if name in table.columns else default


def _given_or(table: SourceTable, name: str, default: str) -> str:
    """What the file gives, and the default in rows where that is empty, too."""
    return f"COALESCE(g.given_{name}, {default})" if name in table.columns else default


def _decimal(amount: str) -> str:
    # Through a decimal: of a float, the digits that were meant.
    return f"CAST(COALESCE({amount}, 0) AS DECIMAL(28, 6))"


def _micros(amount: str) -> str:
    return f"CAST({_decimal(amount)} * 1000000 AS BIGINT)"


def _flag(condition: str) -> str:
    return f"COALESCE(CAST({condition} AS BOOLEAN), FALSE)"
