"""Fit one of cofactor's trainers once, after compilation, and print time and errors as JSON.

python ours.py DATA.npz '{"trainer": "svd", "rank": 64}' THREADS
"""

import json
import sys
import time

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.trainers import TRAINERS

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
trainer = TRAINERS[options.pop("trainer", "svd")]
if any(one.name == "threads" for one in trainer.hyperparameters()):
    options["threads"] = threads
users, items = (
    Vocabulary(np.arange(n).astype(str).astype(object), noun)
    for n, noun in zip(data["shape"], ("user", "item"), strict=True)
)
train = Ratings(users, items, data["user"], data["item"], data["value"])
trainer.of(**{**options, "n_epochs": 1}).fit(train.where(slice(0, 100)))  # compiles or loads
train.training_data  # noqa: B018  # like the peers' own tables of ratings, made before the clock starts
wall, cpu = time.perf_counter(), time.process_time()
model = trainer.of(**options).fit(train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
prediction = model.predict_rows(data["test_user"], data["test_item"])
rmse = float(np.sqrt(np.mean((prediction.astype(float) - data["test_value"]) ** 2)))
print(json.dumps({"wall": wall, "cpu": cpu, "rmse": rmse}))
