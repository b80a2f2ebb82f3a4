"""Scores of all items for one user by an ensemble with random weights: served in NumPy, compared with PyTorch.

    python benchmarks/serving_networks.py
    python benchmarks/serving_networks.py --items 62000 --layers 128,64,32,16

Both run on one thread in turn; results are medians of `--repeat` times. PyTorch gets [x; y] for every item, as in
training. Further results: a list with explanations, folded-in users, and the memory that scoring adds to the model.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from recommending import made
from threadpoolctl import threadpool_limits

from cofactor.arrays import Floats
from cofactor.models.network import NetworkModel
from cofactor.models.networks.layers import Layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"users": 6040, "items": 3706, "per-user": 150, "rank": 64, "deep-rank": 32, "repeat": 300}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--layers", default="64,32,16,8")
    asked = parser.parse_args()
    hidden = [int(width) for width in asked.layers.split(",")]
    with threadpool_limits(1, "blas"):
        torch.set_num_threads(1)
        model = network(asked.users, asked.items, asked.per_user, asked.rank, asked.deep_rank, hidden)
        print(f"{asked.items:,} items, rank {asked.rank}, deep rank {asked.deep_rank}, layers {asked.layers}")
        one_user(model, asked.repeat)
        others(model)


def network(n_users: int, n_items: int, per_user: int, rank: int, deep_rank: int, hidden: list[int]) -> NetworkModel:
    """A model of random numbers, scaled so that about half of the hidden units are positive."""
    rng = np.random.default_rng(0)

    def random(*shape: int, size: float = 0.3) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(size)

    factors, widths = made(n_users, n_items, per_user, rank), [2 * deep_rank, *hidden, 1]
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    weights = tuple(random(*shape, size=(2 / shape[1]) ** 0.5) for shape in shapes)
    biases = tuple(random(shape[0], size=0.1) for shape in shapes)
    layers = Layers(weights, biases, (*["relu"] * len(hidden), "linear"))
    about = factors.training_data, factors.scale, factors.mean, factors.user_bias, factors.item_bias
    vectors = factors.user_vectors, factors.item_vectors, random(n_users, deep_rank), random(n_items, deep_rank)
    return NetworkModel(*about, *vectors, layers, 0.7)


def one_user(model: NetworkModel, repeat: int) -> None:
    beside = in_pytorch(model)
    users = [np.array([user], dtype=np.int32) for user in np.arange(repeat) % len(model.training_data.users)]
    scores, expected = model.score_rows(users[0])[0], beside(0)
    assert np.abs(scores - expected).max() < 1e-5 * max(1, np.abs(expected).max()), "both say the same"
    walls: dict[str, list[float]] = {"NumPy": [], "PyTorch": []}
    for user in users:
        walls["NumPy"].append(seconds(lambda user=user: model.score_rows(user)))
        walls["PyTorch"].append(seconds(lambda user=user: beside(int(user[0]))))
    for name, times in walls.items():
        print(f"all items for one user, {name:<8} {1e3 * np.median(times):7.2f} ms, fastest {1e3 * min(times):.2f} ms")


def in_pytorch(model: NetworkModel) -> Callable[[int], Floats]:
    """A function of a user's row that computes the same scores with PyTorch modules."""
    modules: list[torch.nn.Module] = []
    for weight, bias, activation in zip(model.deep.weights, model.deep.biases, model.deep.activations, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
        modules += [linear, torch.nn.ReLU()] if activation == "relu" else [linear]
    deep = torch.nn.Sequential(*modules)
    names = "user_bias", "item_bias", "user_vectors", "item_vectors", "deep_user_vectors", "deep_item_vectors"
    b, c, p, q, x, y = (torch.tensor(getattr(model, name)) for name in names)

    def scores(user: int) -> Floats:
        with torch.inference_mode():
            both = torch.cat((x[user].expand(len(y), -1), y), dim=1)
            return (model.mean + b[user] + c + q @ p[user] + deep(both)[:, 0]).numpy()

    return scores


def others(model: NetworkModel) -> None:
    history = model.training_data.interactions
    model.fold_in_vectors(history[:1])  # the prior is computed once
    ids = model.training_data.items.ids
    first = history[[0]]
    rated = {ids[item]: float(value) for item, value in zip(first.indices, first.data, strict=True)}
    for what, run in (
        ("all items for 100 users", lambda: model.score_rows(np.arange(100, dtype=np.int32))),
        (f"folding in 100 users of {len(rated)} ratings", lambda: model.fold_in_vectors(history[:100])),
        (f"10 items for one of {len(rated)} ratings, why = 1", lambda: model.recommend_for_ratings(rated, 10, why=1)),
    ):
        print(f"{what:<52} {min(seconds(run) for _ in range(3)):7.3f} s")
    width = len(model.deep.weights[0])
    print(f"memory in addition to the model: {2 * 4 * width * len(ids) / 1e6:.1f} MB")


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
