"""Schedules of the learning rate: its share of the first rate, by the share of the training that is done."""

import math
from collections.abc import Callable, Mapping


def constant(done: float) -> float:
    return 1.0


def linear(done: float) -> float:
    """Falls from 1 to 0."""
    return 1 - done


def cosine(done: float) -> float:
    """Falls from 1 to 0, slowly at first and at the end."""
    return (1 + math.cos(math.pi * done)) / 2


SCHEDULES: Mapping[str, Callable[[float], float]] = {"constant": constant, "linear": linear, "cosine": cosine}
