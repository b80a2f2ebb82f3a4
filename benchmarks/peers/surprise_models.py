"""Fit one of Surprise's algorithms once and print time and errors as JSON.

python surprise_models.py DATA.npz '{"algorithm": "SVDpp", "n_factors": 20, …}' 1
"""

import json
import sys
import time

import numpy as np
import pandas as pd
import surprise
from outcome import report

data, options = np.load(sys.argv[1]), json.loads(sys.argv[2])
algorithm, seed = options.pop("algorithm", "SVD"), options.pop("seed", 0)
frame = pd.DataFrame({"user": data["user"], "item": data["item"], "value": data["value"].astype(float)})
reader = surprise.Reader(rating_scale=(float(data["value"].min()), float(data["value"].max())))
train = surprise.Dataset.load_from_df(frame, reader).build_full_trainset()
if algorithm in ("SVD", "SVDpp"):
    options["random_state"] = seed
model = getattr(surprise, algorithm)(verbose=False, **options)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
pairs = zip(data["test_user"].tolist(), data["test_item"].tolist(), strict=True)
report(wall, cpu, np.array([model.predict(user, item).est for user, item in pairs]), data)
