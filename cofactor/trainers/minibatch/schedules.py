"""How a learning rate changes over a training."""

import math
from collections.abc import Callable, Mapping

SCHEDULES: Mapping[str, Callable[[float], float]] = {  # share of the first rate by share of the training that is done
    "constant": lambda done: 1.0,
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}
