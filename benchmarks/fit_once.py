"""Fit one trainer once under a published protocol, after compilation, and print time and metrics as JSON.

python fit_once.py FOLDER PROTOCOL test|inner TRAINER '{"rank": 64}' THREADS
"""

import json
import sys
import time
from pathlib import Path

from tasks import TASKS

from cofactor.trainers import TRAINERS

folder, protocol, part, name, options, threads = sys.argv[1:]
task = TASKS[protocol](Path(folder))
if part == "inner":
    task = task.inner()
has = {one.name for one in TRAINERS[name].hyperparameters()}
settings = {"threads": int(threads)} if "threads" in has else {}
trainer = TRAINERS[name].of(**settings, **json.loads(options))
task.train.training_data  # noqa: B018  # like the peers' own tables of ratings, made before the clock starts
first = trainer.epochs(task.train)
next(first)  # compiles, or loads what an earlier run compiled
del first
wall, cpu = time.perf_counter(), time.process_time()
model = trainer.fit(task.train)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
status = Path("/proc/self/status")  # resource.getrusage would count the peak of the process that started this one
peak = [int(line.split()[1]) // 1024 for line in status.open() if line.startswith("VmHWM")] if status.exists() else []
print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": max(peak, default=None), **task.figures(model)}))
