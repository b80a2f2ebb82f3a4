"""Fit Surprise's item KNNBaseline once and print time and errors as JSON.

python surprise_knn.py DATA.npz '{"k": 40, "min_support": 1, "shrinkage": 100}' 1
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from surprise import Dataset, KNNBaseline, Reader

data, options = np.load(sys.argv[1]), json.loads(sys.argv[2])
frame = pd.DataFrame({"user": data["user"], "item": data["item"], "value": data["value"].astype(float)})
scale = float(data["value"].min()), float(data["value"].max())
train = Dataset.load_from_df(frame, Reader(rating_scale=scale)).build_full_trainset()
similarity = {"name": "pearson_baseline", "user_based": False, **options.pop("similarity", {})}
model = KNNBaseline(sim_options=similarity, verbose=False, **options)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
pairs = zip(*(data[name].tolist() for name in ("test_user", "test_item", "test_value")), strict=True)
asked = time.process_time()
error = [model.predict(u, i).est - r for u, i, r in pairs]
asked = time.process_time() - asked
rmse = float(np.sqrt(np.mean(np.square(error))))
print(json.dumps({"wall": wall, "cpu": cpu, "predict": asked, "rmse": rmse}))
