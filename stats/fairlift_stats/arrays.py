"""The array types of the package."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "BoolArray", "Indices"]

Array: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Indices: TypeAlias = npt.NDArray[np.intp]
