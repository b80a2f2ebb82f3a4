"""The objective of a training, per rating: the squared error and the penalties."""

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats
from cofactor.models.factor import FactorModel
from cofactor.models.implicit import ImplicitModel


def l2_penalty(counts: Array, parameters: Floats, l2: float) -> float:
    """λ Σ_r n_r |x_r|², for (n,) or (n, rank) parameters x of rows with (n,) ratings."""
    with np.errstate(over="ignore", invalid="ignore"):  # of a training that diverges, which its loop reports
        squares = np.square(parameters) if parameters.ndim == 1 else np.vecdot(parameters, parameters)
        return l2 * float(counts @ squares.astype(np.float64))


def factor_objective(model: FactorModel, unit: float, mean_square: float) -> float:
    """mean e² + 1/n Σ_r n_r (λ |x_r|² + λ_b b_r²) over users and items r, in the ratings' units squared.

    unit: in which the ratings, the biases and the users' vectors were learned; mean_square: of the errors e.
    """
    training_data, l2, bias_l2 = model.training_data, model.vector_l2, model.bias_l2
    users, items = training_data.user_counts, training_data.item_counts
    total = l2_penalty(users, model.user_vectors, l2) + l2_penalty(items, model.item_vectors, l2 * unit**2)
    total += l2_penalty(users, model.user_bias, bias_l2) + l2_penalty(items, model.item_bias, bias_l2)
    return mean_square + total / len(training_data.interactions.data)


def implicit_objective(model: ImplicitModel, positives: csr_array) -> float:
    """[Σ_{(u,i)∈S} w_ui (ŷ_ui - 1)² + α₀ Σ_{u,i} ŷ_ui² + λ (Σ_u (W_u + α₀|I|)^ν |p_u|² + …)] / |S| of positives S.

    positives: (n_users, n_items) weights w. The second sum is the trace of PᵀP QᵀQ, so that no pair is scored for it.
    Users without positives count for nothing.
    """
    user = np.repeat(np.arange(positives.shape[0], dtype=np.int32), np.diff(positives.indptr))
    item, weights = positives.indices.astype(np.int32), positives.data.astype(np.float64)
    user_totals, item_totals = (
        np.bincount(rows, weights, minlength=n) for rows, n in zip((user, item), positives.shape, strict=True)
    )
    users, items = model.user_vectors * (user_totals > 0)[:, None], model.item_vectors
    error = model.score_pair_rows(user, item).astype(np.float64) - 1
    total = float((weights * error) @ error) + model.unobserved * float(np.sum((users.T @ users) * (items.T @ items)))
    for vectors, totals, others in ((users, user_totals, items), (items, item_totals, users)):
        total += l2_penalty((totals + model.unobserved * len(others)) ** model.exponent, vectors, model.l2)
    return total / len(user)
