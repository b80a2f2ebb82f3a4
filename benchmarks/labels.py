"""Where to write names beside points so that no name covers another, a marker, or the frame.

A box is (left, bottom, right, top), everything in one unit (pixels).
"""

import math
from itertools import product

import numpy as np

Point = tuple[float, float]

GAPS = (5, 9, 17, 26, 37, 50, 65, 85, 110, 140)  # between a point and its name
DIRECTIONS = [2 * math.pi * n / 16 for n in (0, 8, 1, 15, 7, 9, 2, 14, 6, 10, 3, 13, 5, 11, 4, 12)]  # sideways first
PLACES = np.array(
    [(gap, math.cos(angle), math.sin(angle)) for gap, angle in product(GAPS, DIRECTIONS)]
)  # nearest first
LEADER = 11.5  # a name farther from its point than this gets a line to it
ROUNDS = 6


def place(points: np.ndarray, sizes: np.ndarray, frame: np.ndarray, marker: float) -> np.ndarray:
    """(n, 4) the box of each name, for (n, 2) points and (n, 2) widths and heights of the names.

    The points with the most neighbours choose first; each takes the nearest place where its name, and the line to it,
    is free of markers, other names and their lines, or the one that covers least. Then each chooses again, with all
    others in place, until nobody moves.
    """
    points, sizes = np.asarray(points, dtype=float), np.asarray(sizes, dtype=float)
    markers = around(points, np.full((len(points), 2), marker))
    placed: dict[int, np.ndarray] = {}
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    for _ in range(ROUNDS):
        before = dict(placed)
        for one in np.argsort(-np.sum(1 / (10 + distance), axis=1), kind="stable").tolist():
            names = [(box, points[other]) for other, box in placed.items() if other != one]
            taken = [markers, *(np.vstack([box, *along(box, point)]) for box, point in names)]
            placed[one] = _best(points[one], sizes[one], np.vstack(taken), markers[one], np.asarray(frame))
        if all(one in before and np.array_equal(before[one], box) for one, box in placed.items()):
            break
    return np.array([placed[one] for one in range(len(points))]).reshape(-1, 4)


def around(center: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(n, 4) boxes of (n, 2) centres, widths and heights."""
    return np.hstack([center - size / 2, center + size / 2])


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, m) the areas that (n, 4) and (m, 4) boxes share."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return np.prod(np.maximum(sides, 0), axis=2)


def leader(box: np.ndarray, point: np.ndarray) -> tuple[Point, Point] | None:
    """The line from a point to the nearest edge of its name; None where the name is near enough without."""
    near = np.clip(point, box[:2], box[2:])
    return (tuple(point), tuple(near)) if math.dist(point, near) > LEADER else None


def along(box: np.ndarray, point: np.ndarray) -> list[np.ndarray]:
    """Small boxes along the line from a point to its name: none where there is no line."""
    line = leader(box, point)
    if line is None:
        return []
    n = max(3, int(math.dist(*line) / 3))
    steps = np.linspace(line[0], line[1], n)[2:]
    return list(around(steps, np.full_like(steps, 2.0)))


def _best(point: np.ndarray, size: np.ndarray, taken: np.ndarray, own: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The first of the boxes that cover least of what is taken and stand in the frame."""
    boxes = around(point + PLACES[:, 1:] * (PLACES[:, :1] + size / 2), size[None])
    lines = [along(box, point) for box in boxes]
    covered = size.prod() - overlap(boxes, frame[None])[:, 0] + overlap(boxes, taken).sum(axis=1)
    others = taken[~(taken == own).all(axis=1)]  # a line begins at its own marker
    whose = np.repeat(np.arange(len(boxes)), [len(line) for line in lines])
    bits = overlap(np.array([bit for line in lines for bit in line]), others).sum(axis=1)
    covered += np.bincount(whose, bits, minlength=len(boxes))
    return boxes[int(np.argmin(np.round(covered, 6)))]
