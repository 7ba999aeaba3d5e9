"""mypyc's class decorator, without mypy_extensions at run time; see docs/decisions/0010."""

from typing import TYPE_CHECKING

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:

    def mypyc_attr(**_):
        """Returns the class unchanged."""
        return lambda cls: cls
