"""Fits Surprise's SVD once and prints what it took as JSON.

python surprise_svd.py DATA.npz '{"n_factors": 64, …}' 1
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from surprise import SVD, Dataset, Reader

data, options = np.load(sys.argv[1]), json.loads(sys.argv[2])
frame = pd.DataFrame({"user": data["user"], "item": data["item"], "value": data["value"].astype(float)})
scale = float(data["value"].min()), float(data["value"].max())
train = Dataset.load_from_df(frame, Reader(rating_scale=scale)).build_full_trainset()
model = SVD(random_state=0, **options)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
pairs = zip(*(data[name][:20000].tolist() for name in ("test_user", "test_item", "test_value")), strict=True)
error = [model.predict(u, i).est - r for u, i, r in pairs]
print(json.dumps({"wall": wall, "cpu": cpu, "rmse": float(np.sqrt(np.mean(np.square(error))))}))
