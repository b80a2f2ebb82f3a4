"""Names for the arrays that pass between rooms, so that a signature says what is in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]  # row numbers into a vocabulary
Floats = NDArray[np.float32]  # ratings, scores, vectors
Doubles = NDArray[np.float64]  # sums and statistics
Times = NDArray[Any]  # seconds since 1970: int64, or float64 where there are parts of a second
Mask = NDArray[np.bool_]
Strings = NDArray[np.object_]  # of str
Array = NDArray[Any]
