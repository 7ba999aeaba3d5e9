"""Tells words for a connection to PostgreSQL from a path: as one, they would name a new file."""

import re
from typing import Final

_WORDS: Final = re.compile(r"\s*(host|hostaddr|port|dbname|user|password|passfile|service)\s*=")
RULE: Final = "lists words such as host=…, must be a path or postgresql://USER:PASSWORD@HOST/NAME"


def are_connection_words(database: str) -> bool:
    """Whether it is `host=… dbname=…`, which libpq takes too.

    >>> are_connection_words("host=db dbname=shop"), are_connection_words("/srv/shop.db")
    (True, False)
    """
    return _WORDS.match(database) is not None
