"""Train a model in plain PyTorch, written as an experienced user would, and print time and errors as JSON.

    python torch_neumf.py DATA.npz '{"rank": 64, "deep_rank": 32, "layers": [64, 32, 16, 8], …}' THREADS

The model is μ + b_u + b_i + p_u · q_i, with "layers" also + f([x_u; y_i]). Batches are index slices of tensors shuffled
anew for each epoch, tables are nn.Embedding, the optimiser is Adam in its fused form: the fastest that PyTorch offers
for dense gradients on a CPU. "loader": batches by a DataLoader over a TensorDataset instead, as most tutorials do.
"""

import json
import sys
import time

import numpy as np
import torch
from outcome import report
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Model(nn.Module):
    def __init__(self, shape: np.ndarray, mean: float, rank: int, deep_rank: int, layers: list[int], dropout: float):
        super().__init__()
        self.mean = mean
        self.biases = nn.ModuleList(nn.Embedding(int(n), 1) for n in shape)
        self.vectors = nn.ModuleList(nn.Embedding(int(n), rank) for n in shape)
        self.deep_vectors = nn.ModuleList(nn.Embedding(int(n), deep_rank) for n in shape if layers)
        for table in self.biases:
            nn.init.zeros_(table.weight)
        for table in self.vectors:
            nn.init.normal_(table.weight, std=0.02)
        for table in self.deep_vectors:
            nn.init.normal_(table.weight, std=0.1)
        stack: list[nn.Module] = []
        for n_in, n_out in zip([2 * deep_rank, *layers], layers, strict=False):
            stack += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
        self.deep = nn.Sequential(*stack, nn.Linear(layers[-1], 1)) if layers else None

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Predictions, and the vectors that they are computed from."""
        p, q = self.vectors[0](user), self.vectors[1](item)
        score = self.mean + self.biases[0](user)[:, 0] + self.biases[1](item)[:, 0] + (p * q).sum(1)
        if self.deep is None:
            return score, [p, q]
        x = torch.cat([self.deep_vectors[0](user), self.deep_vectors[1](item)], 1)
        return score + self.deep(x)[:, 0], [p, q, x]


data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(options.get("seed", 0))
batch_size, steps, l2 = options["batch_size"], options.get("steps", 0), options["l2"]
user, item = (torch.from_numpy(data[name].astype(np.int64)) for name in ("user", "item"))
value = torch.from_numpy(data["value"])
model = Model(
    data["shape"], float(value.mean()), options["rank"], options.get("deep_rank", 0), options.get("layers", []),
    options.get("dropout", 0.0),
)  # fmt: skip
adam = torch.optim.Adam(model.parameters(), lr=options["learning_rate"], fused=True)
loader = DataLoader(TensorDataset(user, item, value), batch_size, shuffle=True) if options.get("loader") else None


def batches():
    if loader is not None:
        yield from loader
        return
    order = torch.randperm(len(value))
    for start in range(0, len(value), batch_size):
        here = order[start : start + batch_size]
        yield user[here], item[here], value[here]


def learn(batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    score, vectors = model(batch[0], batch[1])
    loss = ((batch[2] - score) ** 2).mean() + l2 * sum((x**2).sum() for x in vectors) / len(score)
    adam.zero_grad(set_to_none=True)
    loss.backward()
    adam.step()


wall, cpu = time.perf_counter(), time.process_time()
done, n_epochs = 0, options.get("n_epochs", sys.maxsize)
for _ in range(n_epochs):
    for batch in batches():
        learn(batch)
        done += 1
        if done == steps:
            break
    if steps and done >= steps:
        break
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
model.eval()
with torch.no_grad():
    asked = (torch.from_numpy(data[name].astype(np.int64)) for name in ("test_user", "test_item"))
    prediction = model(*asked)[0].numpy()
report(wall, cpu, prediction, data)
