"""Synthetic ratings, user by user: the items that a user rates, the times and the values.

Every user has a random stream of their own, addressed by number: draw k of user u is a function of (seed, u, k) alone.
Ratings of users can therefore be generated in any order and by any number of threads, with the same result.

Shapes: G groups of users, I items, n ratings a user, m users in one call: rows first, first + 1, … first + m - 1.
"""

import math

import numpy as np
from numpy.typing import NDArray

from cofactor.kernels.compilation.compile import compiled

Key = np.uint64
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Rows = NDArray[np.int32]
Times = NDArray[np.int64]

GOLDEN, MIX1, MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)

# Which draw of a user is what; the user's own vector begins at VECTOR and takes two draws a dimension.
GROUP, BEGIN, BIAS, VECTOR = 0, 1, 2, 4
# ... and eight draws a rating after it:
PICK, PUT_BACK, PICK_AGAIN, NOISE, PAUSE, GAP, DRAWS = 0, 1, 2, 3, 5, 6, 8

# Φ from -9 to 9: between the steps a straight line is within 3e-8 of it.
REACH, STEPS = 9, 1024
PHI = np.array([0.5 * math.erfc(-k / STEPS / math.sqrt(2.0)) for k in range(-REACH * STEPS, REACH * STEPS + 2)])

SESSION_GAP, PAUSE_GAP, PAUSES = 60.0, 14 * 86_400.0, 0.1  # mean seconds to the next rating; share of long pauses


@compiled(cache=True, nogil=True)
def bits(key: Key, n: int) -> Key:
    """Output n of the generator SplitMix64 started at `key`: 64 random bits, found without making the ones before.

    Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, figure 17.
    """
    z = key + GOLDEN * np.uint64(n + 1)
    z = (z ^ (z >> S30)) * MIX1
    z = (z ^ (z >> S27)) * MIX2
    return z ^ (z >> S31)


@compiled(cache=True, nogil=True)
def unit(key: Key, n: int) -> float:
    """Draw n, uniform in [0, 1)."""
    return float(bits(key, n) >> S11) * 2.0**-53


@compiled(cache=True, nogil=True)
def normal(key: Key, n: int) -> float:
    """Draws n and n + 1 as one standard normal (Box and Muller, 1958)."""
    return math.sqrt(-2.0 * math.log(1.0 - unit(key, n))) * math.cos(2.0 * math.pi * unit(key, n + 1))


@compiled(cache=True, nogil=True)
def vector_of(key: Key, centres: Doubles, spread: float) -> Doubles:
    """(rank,) a user's vector: the centre of the user's group, and `spread` times a standard normal about it."""
    vector: Doubles = centres[int(unit(key, GROUP) * len(centres))].copy()
    for d in range(len(vector)):
        vector[d] += spread * normal(key, VECTOR + 2 * d)
    return vector


@compiled(cache=True, nogil=True)
def trees_of(weights: Doubles) -> Doubles:
    """(G, 2 s) heaps over (G, I) weights, s a power of two ≥ I: leaf i is s + i, a node is its children's sum."""
    groups, items = weights.shape
    size = 1
    while size < items:
        size *= 2
    trees = np.zeros((groups, 2 * size))
    for g in range(groups):
        for i in range(items):
            trees[g, size + i] = weights[g, i]
        for node in range(size - 1, 0, -1):
            trees[g, node] = trees[g, 2 * node] + trees[g, 2 * node + 1]
    return trees


@compiled(cache=True, nogil=True)
def leaf_at(tree: Doubles, u: float) -> int:
    """The leaf below which a share `u` of all weight lies, never one of weight 0."""
    node, left = 1, u * tree[1]
    while 2 * node < len(tree):
        node *= 2
        if left >= tree[node] and tree[node + 1] > 0.0:
            left -= tree[node]
            node += 1
    return node - len(tree) // 2


@compiled(cache=True, nogil=True)
def weigh(tree: Doubles, leaf: int, weight: float) -> None:
    """Gives a leaf another weight. Sums are made anew, so the old weight brings the old tree back, bit by bit."""
    node = len(tree) // 2 + leaf
    tree[node] = weight
    while node > 1:
        node //= 2
        tree[node] = tree[2 * node] + tree[2 * node + 1]


@compiled(cache=True, nogil=True)
def dot(a: Doubles, b: Doubles) -> float:
    """a · b, added up in order."""
    total = 0.0
    for d in range(len(a)):
        total += a[d] * b[d]
    return total


@compiled(cache=True, nogil=True)
def choose(
    seed: Key, first: int, n: int, weights: Doubles, vectors: Doubles, centres: Doubles, spread: float, item: Rows
) -> None:
    """Writes the (m · n,) items of m users: n distinct ones each, drawn one after the other.

    Item i is drawn with probability w_gi / Σ w_gj over what is left, g the user's group. An item that does not suit
    the user (p_u · q_i < 0) is put back every second time, and the draw after it stands: people see what they like.
    `weights` (G, I) · `vectors` (I, rank) · `centres` (G, rank). O(log I) a draw.
    """
    trees = trees_of(weights)
    for u in range(len(item) // n):
        key = bits(seed, first + u)
        group, taste = int(unit(key, GROUP) * len(weights)), vector_of(key, centres, spread)
        tree, mine = trees[group], item[u * n : (u + 1) * n]
        for j in range(n):
            draw = VECTOR + 2 * len(taste) + DRAWS * j
            mine[j] = leaf_at(tree, unit(key, draw + PICK))
            if dot(taste, vectors[mine[j]]) < 0.0 and unit(key, draw + PUT_BACK) < 0.5:
                mine[j] = leaf_at(tree, unit(key, draw + PICK_AGAIN))
            weigh(tree, mine[j], 0.0)
        for j in range(n):
            weigh(tree, mine[j], weights[group, mine[j]])


@compiled(cache=True, nogil=True)
def stamp(seed: Key, first: int, n: int, rank: int, begin: int, end: int, time: Times) -> None:
    """Writes the (m · n,) times of m users, growing within each: a first day in [begin, end), sittings, long pauses."""
    for u in range(len(time) // n):
        key = bits(seed, first + u)
        now = begin + int(unit(key, BEGIN) * (end - begin))
        for j in range(n):
            draw = VECTOR + 2 * rank + DRAWS * j
            mean = PAUSE_GAP if unit(key, draw + PAUSE) < PAUSES else SESSION_GAP
            time[u * n + j] = now
            now += 1 + int(-mean * math.log(1.0 - unit(key, draw + GAP)))


@compiled(cache=True, nogil=True)
def stars(score: float) -> float:
    """The nearest of 0.5, 1, … 5."""
    return min(max(math.floor(2.0 * score + 0.5) / 2.0, 0.5), 5.0)


@compiled(cache=True, nogil=True)
def phi(x: float) -> float:
    """Φ(x), the distribution function of the standard normal, to 3e-8."""
    place = (min(max(x, -REACH), REACH) + REACH) * STEPS
    k = int(place)
    return float(PHI[k] + (place - k) * (PHI[k + 1] - PHI[k]))


@compiled(cache=True, nogil=True)
def expected_stars(score: float, noise: float) -> float:
    """E[stars(score + ε)], ε ~ N(0, noise²):  ½ + ½ Σ_{t = .75, 1.25, … 4.75} Φ((score - t) / noise)."""
    if noise == 0.0:
        return stars(score)
    total = 0.5
    for k in range(9):
        total += 0.5 * phi((score - 0.75 - 0.5 * k) / noise)
    return total


@compiled(cache=True, nogil=True)
def rate_by_taste(
    seed: Key,
    first: int,
    n: int,
    item: Rows,
    mean: float,
    user_spread: float,
    item_bias: Doubles,
    vectors: Doubles,
    centres: Doubles,
    spread: float,
    noise: float,
    value: Floats,
) -> float:
    """Writes the (m · n,) ratings stars(μ + b_u + b_i + p_u · q_i + ε); returns Σ (r - E[r | all but ε])²."""
    error = 0.0
    for u in range(len(item) // n):
        key = bits(seed, first + u)
        taste, user_bias = vector_of(key, centres, spread), user_spread * normal(key, BIAS)
        for j in range(n):
            i = item[u * n + j]
            score = mean + user_bias + item_bias[i] + dot(taste, vectors[i])
            given = stars(score + noise * normal(key, VECTOR + 2 * len(taste) + DRAWS * j + NOISE))
            error += (given - expected_stars(score, noise)) ** 2
            value[u * n + j] = given
    return error


@compiled(cache=True, nogil=True)
def rate_uniformly(seed: Key, first: int, n: int, rank: int, value: Floats) -> float:
    """Writes (m · n,) ratings of 0.5, 1, … 5, each as likely; returns Σ (r - 2.75)²."""
    error = 0.0
    for u in range(len(value) // n):
        key = bits(seed, first + u)
        for j in range(n):
            given = 0.5 + 0.5 * math.floor(10.0 * unit(key, VECTOR + 2 * rank + DRAWS * j + NOISE))
            error += (given - 2.75) ** 2
            value[u * n + j] = given
    return error
