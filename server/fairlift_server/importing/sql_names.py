"""Texts and names as SQL writes them."""


def quoted(text: str) -> str:
    """The text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def named(column: str) -> str:
    """The column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
