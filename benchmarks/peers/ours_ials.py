"""Fit cofactor's iALS once, after compilation, and print time and metrics after each epoch as a list in JSON.

python ours_ials.py DATA.npz '{"rank": 64}' THREADS
"""

import json
import sys
import time

import numpy as np
from vectors import measured

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.trainers.ials import IALS

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
users, items = (
    Vocabulary(np.arange(n).astype(str).astype(object), noun)
    for n, noun in zip(data["shape"], ("user", "item"), strict=True)
)
train = Ratings(users, items, data["user"], data["item"], np.ones(len(data["user"]), np.float32))
IALS(**{**options, "n_epochs": 1, "threads": threads}).fit(train.where(slice(0, 100)))  # compiles or loads
train.training_data  # noqa: B018  # like the peer's own table, made before the clock starts
wall = cpu = 0.0
figures = []
epochs = IALS(threads=threads, **options).epochs(train)
while True:
    began = time.perf_counter(), time.process_time()
    epoch = next(epochs, None)
    wall, cpu = wall + time.perf_counter() - began[0], cpu + time.process_time() - began[1]
    if epoch is None:
        break
    figures.append({"wall": wall, "cpu": cpu, **measured(epoch.model.user_vectors, epoch.model.item_vectors, data)})
print(json.dumps(figures))
