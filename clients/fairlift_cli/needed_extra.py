"""Says which extra a command needs, where its packages are not installed."""

import contextlib
from collections.abc import Iterator

from fairlift.extras import missing_line

from fairlift_cli.failures import Misused


@contextlib.contextmanager
def needing(*extras: str) -> Iterator[None]:
    """Around imports of packages that an extra brings.

    Raises:
        Misused: one line that names the extra, what is missing, and how to install it.
    """
    try:
        yield
    except ModuleNotFoundError:
        for extra in extras:
            check_extra("fairlift", extra)
        raise


def check_extra(program: str, extra: str) -> None:
    """For a program that imports what the extra brings only later.

    Raises:
        Misused: as `needing`.
    """
    if line := missing_line(program, extra):
        raise Misused(line) from None
