"""The metrics of the large campaign by one query written by hand: what any tool would run at least.

Totals alone: no cells by day, no segment, no late event, no identity. Windows, mixed variants, test
orders and cancelled orders are as the analysis has them.
"""

from fairlift_server.analysis.day_calendar import DAY_US

from benchmarks.large_shop.campaigns import LARGE, METRICS, VARIANTS, WINDOW_DAYS

# What each metric of METRICS is made of, in their order; the second is what it is divided by.
_PARTS = {
    "conversion_rate": ("buyer", ""),
    "revenue_per_visitor": ("revenue", ""),
    "average_ticket": ("revenue", "orders"),
    "orders_per_visitor": ("orders", ""),
    "profit_per_visitor": ("profit", ""),
    "items_per_order": ("items", "orders"),
    "cart_rate": ("cart", ""),
    "action_rate(newsletter)": ("newsletter", ""),
}
COLUMNS = ("buyer", "orders", "revenue", "profit", "items", "cart", "newsletter")
assert tuple(_PARTS) == METRICS


def units_query(schema: str) -> str:
    """One row per unit with the columns that the metrics need; money in micros.

    Args:
        schema: of the tables, such as `shop.main`.
    """
    window = f"e.time_us >= u.first_us AND e.time_us < u.first_us + {WINDOW_DAYS * DAY_US}"
    return f"""
    WITH u AS (
      SELECT unit, min(variant) AS variant, min(time_us) AS first_us
      FROM {schema}.exposures WHERE campaign = '{LARGE}' AND epoch = 1
      GROUP BY unit HAVING min(variant) = max(variant)
    ), o AS (
      SELECT e.unit, count(*) AS orders, sum(e.shop_revenue_micros) AS revenue,
        sum(e.shop_profit_micros) AS profit, sum(e.items) AS items
      FROM {schema}.orders e JOIN u ON u.unit = e.unit
      WHERE NOT e.test::BOOLEAN AND NOT e.cancelled::BOOLEAN AND {window} GROUP BY e.unit
    ), a AS (
      SELECT e.unit, max((e.name = 'add_to_cart')::INT) AS cart,
        max((e.name = 'newsletter')::INT) AS newsletter
      FROM {schema}.actions e JOIN u ON u.unit = e.unit
      WHERE e.name IN ('add_to_cart', 'newsletter') AND {window} GROUP BY e.unit
    )
    SELECT u.variant, (o.orders IS NOT NULL)::INT AS buyer, coalesce(o.orders, 0) AS orders,
      coalesce(o.revenue, 0)::DOUBLE AS revenue, coalesce(o.profit, 0)::DOUBLE AS profit,
      coalesce(o.items, 0)::DOUBLE AS items, coalesce(a.cart, 0) AS cart,
      coalesce(a.newsletter, 0) AS newsletter
    FROM u LEFT JOIN o ON o.unit = u.unit LEFT JOIN a ON a.unit = u.unit
    """


def metrics_query(schema: str) -> str:
    """One row per variant: the sums and products that the metrics' intervals need."""
    sums = [f"sum({column}) AS {column}" for column in COLUMNS]
    pairs = dict.fromkeys((a, b) for a, base in _PARTS.values() for b in (a, base) if b)
    pairs |= dict.fromkeys((base, base) for _, base in _PARTS.values() if base)
    products = [f"sum({a} * {b}) AS {a}_{b}" for a, b in pairs]
    return (
        f"SELECT variant, count(*) AS units, {', '.join((*sums, *products))} "
        f"FROM ({units_query(schema)}) GROUP BY variant ORDER BY variant"
    )


def lake_tables(paths: dict[str, list[str]]) -> list[str]:
    """Statements that make the files of an export the tables of the schema `main`."""
    last = "QUALIFY rank() OVER (PARTITION BY order_id ORDER BY version DESC) = 1"
    return [
        f"CREATE VIEW {table} AS SELECT * FROM read_parquet({files!r}) "
        f"{last if table == 'orders' else ''}"
        for table, files in paths.items()
    ]


assert VARIANTS == ("control", "popup")
