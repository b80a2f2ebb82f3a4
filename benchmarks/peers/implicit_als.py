"""Fit implicit's ALS once and print time and metrics as a list in JSON.

python implicit_als.py DATA.npz '{"factors": 64, …}' THREADS
"""

import json
import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from vectors import measured

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
cells = (data["user"], data["item"])
train = csr_matrix((np.ones(len(data["user"]), np.float32), cells), shape=tuple(data["shape"]))
model = AlternatingLeastSquares(num_threads=threads, **{"random_state": 0, **options})
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train, show_progress=False)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([{"wall": wall, "cpu": cpu, **measured(model.user_factors, model.item_factors, data)}]))
