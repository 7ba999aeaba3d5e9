"""Names as SQL writes them."""


def named(column: str) -> str:
    """The column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
