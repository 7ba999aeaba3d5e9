"""The types of what a storefront hands in, which must not be trusted.

Compiled code checks its arguments before the first line runs, where no `try` can catch what that
raises. The build therefore looks away from this module, so that anything is let in there, to be
checked on the inside; people and type checkers read what is meant.
"""

from typing import TypeAlias

Text: TypeAlias = str
Flag: TypeAlias = bool
