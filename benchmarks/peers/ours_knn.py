"""Fit cofactor's KNN once, after compilation, and print time and errors as JSON.

python ours_knn.py DATA.npz '{"n_neighbours": 200}' THREADS
"""

import json
import sys
import time

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.trainers.knn import KNN

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
users, items = (
    Vocabulary(np.arange(n).astype(str).astype(object), noun)
    for n, noun in zip(data["shape"], ("user", "item"), strict=True)
)
train = Ratings(users, items, data["user"], data["item"], data["value"])
KNN().fit(train.where(slice(0, 100)))  # compiles or loads
train.training_data  # noqa: B018  # like the peer's own table of ratings, made before the clock starts
wall, cpu = time.perf_counter(), time.process_time()
model = KNN(threads=threads, **options).fit(train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
asked = time.process_time()
error = model.predict_rows(data["test_user"], data["test_item"]).astype(float) - data["test_value"]
asked = time.process_time() - asked
rmse = float(np.sqrt(np.mean(error**2)))
print(json.dumps({"wall": wall, "cpu": cpu, "predict": asked, "rmse": rmse}))
