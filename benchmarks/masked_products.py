"""Cost of an autoencoder's passes over observed cells only and as dense products, and of scoring one user.

    OPENBLAS_NUM_THREADS=1 python benchmarks/masked_products.py --data FOLDER [--width 256]

Prints CPU seconds for the products of one epoch on ML-1M, forward and backward, in batches of 256 rows on one thread;
then milliseconds for the scores of all 3,706 items for one user, by our code in NumPy and by PyTorch.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from tasks import TASKS

from cofactor.models.autoencoder import AutoencoderModel
from cofactor.trainers.autoencoder import Autoencoder
from cofactor.trainers.autoencoding.masked_product import DenseProducts, MaskedProducts, SparseProducts
from cofactor.training.row_thread_pool import RowThreadPool

BATCH, USERS = 256, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder with ml-1m.")
    parser.add_argument("--width", type=int, default=256)
    given = parser.parse_args()
    torch.set_num_threads(1)
    train = TASKS["ml-1m/0"](given.data).train
    print("| rows | at rated cells, CPU s | dense, CPU s |\n|---|---|---|")
    for rows, table in (("users", train.by_user()), ("items", train.by_item())):
        ways = SparseProducts(RowThreadPool(1)), DenseProducts(torch.device("cpu"))
        ours, dense = (median(passes(one, table, given.width) for _ in range(3)) for one in ways)
        print(f"| {rows} | {ours:.2f} | {dense:.2f} |", flush=True)
    print("\n| all items for one user | NumPy, ms | PyTorch, ms | largest difference |\n|---|---|---|---|")
    for layers in (str(given.width), "256,128,256"):
        model = Autoencoder(rows="users", layers=layers, n_epochs=2, threads=1).fit(train)
        assert isinstance(model, AutoencoderModel)
        print(f"| users, {layers} | {serving(model)} |", flush=True)


def passes(products: MaskedProducts, table, width: int) -> float:
    """CPU seconds for the products of one epoch and their derivatives."""
    rng = np.random.default_rng(0)
    first, last = (
        torch.from_numpy(rng.normal(0, 0.01, (table.shape[1], width)).astype(np.float32)).requires_grad_()
        for _ in range(2)
    )
    order, started = rng.permutation(table.shape[0]), time.process_time()
    for start in range(0, len(order), BATCH):
        cells = table[order[start : start + BATCH]]
        out = products.decode(cells, torch.sigmoid(products.encode(cells, first)), last)
        ((out - torch.from_numpy(cells.data)) ** 2).sum().backward()
        first.grad = last.grad = None
    return time.process_time() - started


def serving(model: AutoencoderModel) -> str:
    """Median milliseconds of `scores` for one user, those of PyTorch on dense input, and the largest difference."""
    layers, history = model.layers, model.training_data.interactions
    functions = {"sigmoid": torch.nn.Sigmoid(), "linear": torch.nn.Identity()}
    parts: list[torch.nn.Module] = []
    for weight, bias, activation in zip(layers.weights, layers.biases, layers.activations, strict=True):
        linear = torch.nn.Linear(*weight.shape[::-1])
        linear.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
        parts += [linear, functions[activation]]
    network = torch.nn.Sequential(*parts).eval()
    users = np.random.default_rng(0).permutation(len(model.training_data.users))[:USERS].astype(np.int32)
    seconds: tuple[list[float], list[float]] = [], []
    apart = 0.0
    with torch.inference_mode():
        for user in users:
            started = time.perf_counter()
            scores = model.score_rows(np.array([user]))[0]
            seconds[0].append(time.perf_counter() - started)
            inputs, bias = model._inputs(history[[user]])
            dense = torch.from_numpy(inputs.toarray())
            started = time.perf_counter()
            out = network(dense)[0].numpy()
            seconds[1].append(time.perf_counter() - started)
            apart = max(apart, float(np.abs(out + model.mean + model.item_bias + bias[0] - scores).max()))
    return f"{median(seconds[0]) * 1e3:.2f} | {median(seconds[1]) * 1e3:.2f} | {apart:.1e}"


if __name__ == "__main__":
    main()
