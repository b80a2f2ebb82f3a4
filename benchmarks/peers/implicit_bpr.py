"""Fit implicit's BPR once, write its vectors to a file and print the time as JSON.

python implicit_bpr.py DATA.npz '{"factors": 64, …}' THREADS VECTORS.npz
"""

import json
import sys
import time

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix

data, options, threads = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
cells = (np.ones(len(data["user"]), dtype=np.float32), (data["user"], data["item"]))
train = csr_matrix(cells, shape=tuple(data["shape"]))
model = BayesianPersonalizedRanking(random_state=options.pop("seed", 0), num_threads=threads, **options)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train, show_progress=False)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
np.savez(sys.argv[4], user_vectors=model.user_factors, item_vectors=model.item_factors)  # an item's bias is among them
print(json.dumps({"wall": wall, "cpu": cpu}))
