"""A map of the catalogue: the most rated items in two dimensions, similar ones close together.

Exact t-SNE (van der Maaten & Hinton 2008) in NumPy. With P the similarities of the items' vectors and Q those of their
positions y on the map, it minimises KL(P ‖ Q) by gradient descent:

    p_j|i ∝ exp(−β_i ‖v_i − v_j‖²), β_i such that every row has the same perplexity         (eq. 1)
    p_ij = (p_j|i + p_i|j) / 2n
    q_ij = w_ij / Z,  w_ij = 1 / (1 + ‖y_i − y_j‖²),  Z = Σ_k≠l w_kl                        (eq. 4)
    ∂KL/∂y_i = 4 Σ_j (p_ij − q_ij) w_ij (y_i − y_j)                                         (eq. 5)

It starts from the first two principal components, not at random (Kobak & Berens 2019): the same model has the same map.
"""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from cofactor.arrays import Doubles, Floats, Rows
from cofactor.errors import Unavailable
from cofactor.models.base import Model
from cofactor.models.vectors import VectorModel

SIZES = (1_000, 2_000)  # of the maps that are computed; smaller maps are parts of them
PERPLEXITY = 30.0  # effective number of neighbours
EXAGGERATED, STEPS = 75, 300  # steps with early exaggeration of P, which lets clusters form, and all steps
EXAGGERATION = 12.0
MOMENTUM = (0.5, 0.8)  # during the early exaggeration, and after it
MIN_GAIN = 0.01
BISECTIONS = 25  # of β, for a relative precision of 1e-4
RANK = 32  # of the vectors computed from ratings, for models without item vectors
MAX_RATERS = 20_000  # users whose ratings these are computed from


@dataclass(frozen=True)
class ItemMaps:
    """The maps of one model, each computed by the first request for it.

    Other requests do not wait for it, because they would block the threads that answer all requests.
    """

    _maps: dict[int, tuple[Rows, Floats]] = field(default_factory=dict)
    _computing: Lock = field(default_factory=Lock)

    def get(self, model: Model, n: int) -> tuple[Rows, Floats]:
        """(≤ n,) rows and (≤ n, 2) positions of the n most rated items; raises Unavailable while they are computed.

        Maps of up to a thousand items agree with each other, and so do larger ones; smaller and larger ones differ.
        """
        size = _size(n)
        if size not in self._maps:
            if not self._computing.acquire(blocking=False):
                raise Unavailable("the map is being computed", "try again in a few seconds")
            try:
                if size not in self._maps:
                    self._maps[size] = catalogue_map(model, size)
            finally:
                self._computing.release()
        rows, places = self._maps[size]
        return rows[:n], places[:n]

    def has(self, n: int) -> bool:
        """Whether the map of n items is computed."""
        return _size(n) in self._maps


def _size(n: int) -> int:
    return next((size for size in SIZES if n <= size), SIZES[-1])


def catalogue_map(model: Model, n: int) -> tuple[Rows, Floats]:
    """(m,) rows of the n most rated items, the most rated first, and their (m, 2) positions within [-1, 1].

    The similarity of items is the cosine of the model's item vectors; for a model without vectors, of vectors computed
    from the ratings. Items without ratings and items with a zero vector are left out.
    """
    counts = model.training_data.item_counts
    rows = np.argsort(-counts, kind="stable")[:n].astype(np.int32)
    rows = rows[counts[rows] > 0]
    vectors = own_vectors(model, rows) if isinstance(model, VectorModel) else rated_vectors(model, rows)
    lengths = np.linalg.norm(vectors, axis=1)
    placed = lengths > 0
    return rows[placed], spread(tsne(vectors[placed] / lengths[placed, None]))


def own_vectors(model: VectorModel, rows: Rows) -> Doubles:
    """(n, rank) item vectors of the model."""
    vectors: Doubles = model.item_vectors[rows].astype(np.float64)
    return vectors


def rated_vectors(model: Model, rows: Rows) -> Doubles:
    """(n, ≤ RANK) item vectors from the training ratings: singular vectors of the ratings minus the user's mean, each
    times its singular value. With many users, every k-th is used."""
    from scipy.sparse.linalg import svds  # takes a tenth of a second to import

    history = model.training_data.interactions
    history = history[:: max(1, -(-history.shape[0] // MAX_RATERS))].astype(np.float64)
    counts = np.diff(history.indptr)
    means = np.asarray(history.sum(axis=1)).ravel() / np.maximum(counts, 1)
    centred = history.copy()
    centred.data -= np.repeat(means, counts)
    if not centred.data.any():  # all ratings are equal: use which items were rated
        centred = history
    chosen = centred[:, rows].tocsr()
    rank = min(RANK, min(chosen.shape) - 1)
    largest = np.abs(chosen.data).max(initial=0)
    if rank < 1 or largest == 0:
        return np.ones((len(rows), 1))
    # Not ones: if every item is chosen the rows sum to zero, so that ones are in the null space.
    begin = np.random.default_rng(0).standard_normal(min(chosen.shape))
    _, values, items = svds(chosen / largest, k=rank, v0=begin)
    vectors: Doubles = (items[::-1] * values[::-1, None]).T * largest
    return vectors


def tsne(vectors: Doubles, steps: int = STEPS) -> Floats:
    """(n, 2) positions of (n, d) vectors."""
    n = len(vectors)
    places = principal(vectors)
    if n < 4:
        return places
    similar = affinities(vectors, min(PERPLEXITY, (n - 1) / 3)).astype(np.float32)
    similar *= np.float32(EXAGGERATION)
    rate = np.float32(max(n / EXAGGERATION, 50.0))
    moved, gains = np.zeros_like(places), np.ones_like(places)
    for step in range(steps):
        if step == EXAGGERATED:
            similar /= np.float32(EXAGGERATION)
        slope = gradient(places, similar)
        gains = np.where((slope > 0) == (moved > 0), gains * np.float32(0.8), gains + np.float32(0.2))
        np.maximum(gains, np.float32(MIN_GAIN), out=gains)
        moved = np.float32(MOMENTUM[step >= EXAGGERATED]) * moved - rate * gains * slope
        places = places + moved
        places -= places.mean(axis=0)
    return places


def gradient(places: Floats, similar: Floats) -> Floats:
    """(n, 2) ∂KL/∂y (eq. 5) at (n, 2) positions, for (n, n) similarities p."""
    n = len(places)
    square, one = (places * places).sum(axis=1), np.ones(n, dtype=places.dtype)
    weights = np.column_stack((-2 * places, square + 1, one)) @ np.column_stack((places, one, square)).T  # 1 + ‖·‖²
    np.maximum(weights, 1, out=weights)
    np.reciprocal(weights, out=weights)
    np.fill_diagonal(weights, 0)
    with_one = np.column_stack((places, one))
    pulled = (similar * weights) @ with_one
    total = weights.sum()
    np.multiply(weights, weights, out=weights)
    pushed = (weights @ with_one) / total
    pull = pulled - pushed  # Σ_j (p − q) w [y_j, 1]
    slope: Floats = 4 * (pull[:, 2:] * places - pull[:, :2])
    return slope


def affinities(vectors: Doubles, perplexity: float) -> Doubles:
    """(n, n) symmetric similarities p of (n, d) vectors (eq. 1), which sum to 1; each p_j|i has the perplexity."""
    n = len(vectors)
    square = (vectors * vectors).sum(axis=1)
    distances = np.maximum(square[:, None] + square - 2 * vectors @ vectors.T, 0)
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)  # the same probabilities, and never all of them zero
    np.fill_diagonal(distances, 0)
    low, high, beta = np.zeros(n), np.full(n, np.inf), np.ones(n)
    for _ in range(BISECTIONS):
        p = np.exp(-beta[:, None] * distances)
        np.fill_diagonal(p, 0)
        total = p.sum(axis=1)
        entropy = np.log(total) + beta * np.vecdot(p, distances) / total
        sharper = entropy > np.log(perplexity)
        low, high = np.where(sharper, beta, low), np.where(sharper, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    p /= total[:, None]
    both: Doubles = (p + p.T) / (2 * n)
    return both


def principal(vectors: Doubles) -> Floats:
    """(n, 2) projections on the first two principal components, the first with a standard deviation of 10⁻⁴.

    The sign of a component is chosen so that its largest loading is positive.
    """
    n = len(vectors)
    centred = vectors - vectors.mean(axis=0) if n else vectors
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    if axes.size:
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    places = np.zeros((n, 2))
    places[:, : axes.shape[1]] = centred @ axes
    deviation = places[:, 0].std() if n else 0.0
    return (places * (1e-4 / deviation) if deviation > 0 else places).astype(np.float32)


def spread(places: Floats) -> Floats:
    """The positions scaled to fill [-1, 1]², with their aspect ratio kept."""
    if not len(places):
        return places
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    reach = np.abs(places - middle).max()
    shown: Floats = np.clip((places - middle) / (reach if reach > 0 else 1), -1, 1).astype(np.float32)
    return shown
