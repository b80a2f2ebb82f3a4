"""The output of every script here: seconds of the fit and errors of its predictions, as one line of JSON."""

import json

import numpy as np


def report(wall: float, cpu: float, prediction: np.ndarray, data: dict) -> None:
    """Prints the result; `prediction`, (n,) for the test pairs in `data`, is clipped to the scale of `data`."""
    clipped = np.clip(np.asarray(prediction, dtype=np.float64), data["value"].min(), data["value"].max())
    error = clipped - data["test_value"]
    figures = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
    print(json.dumps({"wall": wall, "cpu": cpu, **figures}))
