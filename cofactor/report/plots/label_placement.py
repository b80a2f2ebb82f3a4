"""Placement of names next to points so that no name covers another, a marker, or the frame.

A box is (left, bottom, right, top), everything in one unit (pixels).
"""

import math
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from cofactor.arrays import Doubles

Point = tuple[float, float]

GAPS = (5, 9, 17, 26, 37, 50, 65, 85, 110, 140)  # between a point and its name
DIRECTIONS = [2 * math.pi * n / 16 for n in (0, 8, 1, 15, 7, 9, 2, 14, 6, 10, 3, 13, 5, 11, 4, 12)]  # sideways first
PLACES = np.array(
    [(gap, math.cos(angle), math.sin(angle)) for gap, angle in product(GAPS, DIRECTIONS)]
)  # nearest first
LEADER = 11.5  # a name farther from its point than this gets a line to it
ROUNDS = 6


def place(points: ArrayLike, sizes: ArrayLike, frame: ArrayLike, marker: float) -> Doubles:
    """(n, 4) the box of each name, for (n, 2) points and (n, 2) widths and heights of the names.

    Points with the most neighbours are placed first; each name takes the nearest place where it, and the line to it,
    covers no marker, other name or line, or else the place that covers least. This repeats with all others in place
    until no name moves.
    """
    points, sizes, frame = (np.asarray(one, dtype=float) for one in (points, sizes, frame))
    markers = around(points, np.full((len(points), 2), marker))
    placed: dict[int, Doubles] = {}
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    for _ in range(ROUNDS):
        before = dict(placed)
        for one in np.argsort(-np.sum(1 / (10 + distance), axis=1), kind="stable").tolist():
            names = [(box, points[other]) for other, box in placed.items() if other != one]
            taken = [markers, *(np.vstack([box, *along(box, point)]) for box, point in names)]
            placed[one] = _best(points[one], sizes[one], np.vstack(taken), markers[one], frame)
        if all(one in before and np.array_equal(before[one], box) for one, box in placed.items()):
            break
    return np.array([placed[one] for one in range(len(points))]).reshape(-1, 4)


def spread(wanted: ArrayLike, height: float, low: float, high: float) -> Doubles:
    """(n,) heights at least `height` apart and between `low` and `high`, as near to the wanted ones as possible.

    Least squares in the order of the wanted heights, by pooling neighbours that are too near; if there is not enough
    room, they are spread evenly.
    """
    wanted = np.asarray(wanted, dtype=float)
    if len(wanted) == 0:
        return wanted
    height = min(height, (high - low) / max(1, len(wanted) - 1))
    order, steps = np.argsort(wanted, kind="stable"), height * np.arange(len(wanted))
    pools: list[tuple[float, int]] = []  # means of heights less their steps, which must not fall
    for one in (wanted[order] - steps).tolist():
        pools.append((one, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    even = np.clip(np.repeat(*map(np.array, zip(*pools, strict=True))), low, max(low, high - steps[-1]))
    placed = np.empty(len(wanted))
    placed[order] = even + steps
    return placed


def around(center: Doubles, size: Doubles) -> Doubles:
    """(n, 4) boxes of (n, 2) centres, widths and heights."""
    boxes: Doubles = np.hstack([center - size / 2, center + size / 2])
    return boxes


def overlap(a: Doubles, b: Doubles) -> Doubles:
    """(n, m) the areas that (n, 4) and (m, 4) boxes share."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    areas: Doubles = np.prod(np.maximum(sides, 0), axis=2)
    return areas


def leader(box: Doubles, point: Doubles) -> tuple[Point, Point] | None:
    """The line from a point to the nearest edge of its name; None if the name is near enough."""
    near = np.clip(point, box[:2], box[2:])
    return ((point[0], point[1]), (near[0], near[1])) if math.dist(point, near) > LEADER else None


def along(box: Doubles, point: Doubles) -> list[Doubles]:
    """Small boxes along the line from a point to its name; empty without a line."""
    line = leader(box, point)
    if line is None:
        return []
    n = max(3, int(math.dist(*line) / 3))
    steps = np.linspace(line[0], line[1], n)[2:]
    return list(around(steps, np.full_like(steps, 2.0)))


def _best(point: Doubles, size: Doubles, taken: Doubles, own: Doubles, frame: Doubles) -> Doubles:
    """The first box in the frame that covers least of the taken boxes."""
    boxes = around(point + PLACES[:, 1:] * (PLACES[:, :1] + size / 2), size[None])
    lines = [along(box, point) for box in boxes]
    covered = size.prod() - overlap(boxes, frame[None])[:, 0] + overlap(boxes, taken).sum(axis=1)
    others = taken[~(taken == own).all(axis=1)]  # a line begins at its own marker
    whose = np.repeat(np.arange(len(boxes)), [len(line) for line in lines])
    bits = overlap(np.array([bit for line in lines for bit in line]), others).sum(axis=1)
    covered += np.bincount(whose, bits, minlength=len(boxes))
    best: Doubles = boxes[int(np.argmin(np.round(covered, 6)))]
    return best
