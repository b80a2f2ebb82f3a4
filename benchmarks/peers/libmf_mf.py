"""Fit LIBMF once and print time and errors as JSON: python libmf_mf.py DATA.npz '{"k": 64, …}' THREADS.

The environment variable LIBMF_OBJ names a build with SSE or AVX; the one from pip has neither.
"""

import json
import sys
import time

import numpy as np
from libmf import mf
from outcome import report

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
rows = np.ascontiguousarray(np.stack([data["user"], data["item"], data["value"]], 1), dtype=np.float32)
l2 = options.pop("l2")
model = mf.MF(
    nr_threads=threads, nr_bins=26, lambda_p1=0.0, lambda_q1=0.0, lambda_p2=l2, lambda_q2=l2, quiet=True, **options
)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(rows)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
p, q = model.p_factors(), model.q_factors()  # its own predict() reads a matrix of pairs column by column
user, item = data["test_user"], data["test_item"]
known = (user < len(p)) & (item < len(q))
score = np.full(len(user), np.nan)
score[known] = np.einsum("nk,nk->n", p[user[known]], q[item[known]])
report(wall, cpu, np.nan_to_num(score, nan=float(data["value"].mean())), data)
