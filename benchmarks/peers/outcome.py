"""What every script here prints: seconds of the fit, and the errors of its predictions, as JSON on one line."""

import json

import numpy as np


def report(wall: float, cpu: float, prediction: np.ndarray, data: dict) -> None:
    """`prediction`: (n,) of the test pairs in `data`, as it comes; here it is clipped to the scale of train."""
    clipped = np.clip(np.asarray(prediction, dtype=np.float64), data["value"].min(), data["value"].max())
    error = clipped - data["test_value"]
    figures = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
    print(json.dumps({"wall": wall, "cpu": cpu, **figures}))
