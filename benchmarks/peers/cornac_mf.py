"""Fit Cornac's MF once and print time and errors as JSON: python cornac_mf.py DATA.npz '{"k": 64, …}' THREADS."""

import json
import sys
import time

import numpy as np
from cornac.data import Dataset
from cornac.models import MF
from outcome import report

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
rows = list(zip(data["user"].tolist(), data["item"].tolist(), data["value"].tolist(), strict=True))
train = Dataset.from_uir(rows, seed=0)
model = MF(num_threads=threads, use_bias=True, seed=options.pop("seed", 0), verbose=False, **options)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
user = np.array([train.uid_map.get(x, -1) for x in data["test_user"].tolist()])
item = np.array([train.iid_map.get(x, -1) for x in data["test_item"].tolist()])
score = np.full(len(user), model.global_mean, dtype=float)
score += np.where(user >= 0, model.u_biases[user], 0) + np.where(item >= 0, model.i_biases[item], 0)
both = (user >= 0) & (item >= 0)
score[both] += np.einsum("nk,nk->n", model.u_factors[user[both]], model.i_factors[item[both]])
report(wall, cpu, score, data)
