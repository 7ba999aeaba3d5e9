"""Tells words for a connection to PostgreSQL from a path: as one, they would name a new file."""

import re
from typing import Final

_WORDS: Final = re.compile(
    r"\s*((host|hostaddr|port|dbname|user|password|passfile|service)\s*=|postgres(ql)?:(?!//))"
)
RULE: Final = (
    "lists words such as host=…, or lacks a slash after postgresql:/, "
    "must be a path or postgresql://USER:PASSWORD@HOST/NAME"
)


def are_connection_words(database: str) -> bool:
    """Whether it is `host=… dbname=…`, which libpq takes too, or a URL that is none.

    >>> are_connection_words("host=db dbname=shop"), are_connection_words("/srv/shop.db")
    (True, False)
    >>> are_connection_words("postgresql:/user:password@db/shop")
    True
    """
    return _WORDS.match(database) is not None
