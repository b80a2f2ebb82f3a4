"""Logs a comparison to MLflow: a run for each model, nested in a run for the comparison."""

from typing import Any

from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.training.tracking.mlflow import Experiment, as_test_metrics, run_parameters


def log_comparison(summary: ComparisonSummary, store: str) -> None:
    """Writes a comparison to an MLflow store.

    With several splits, the metrics are means over the splits, and the learning curves are those of the first split.
    store: a folder, or the address of a tracking server. Raises Unavailable where MLflow is not installed or the store
    cannot be written to.
    """
    experiment, comparison = Experiment(store, summary.name), summary.comparison
    names, split = list(comparison.metrics), " ".join(one.fingerprint for one in summary.splits)
    versions = {f"version.{name}": version for name, version in summary.versions.items()}
    tags: dict[str, Any] = {"command": summary.command, "machine": summary.machine, **versions}
    parent = experiment.run("compare " + ", ".join(names), {"data": summary.name, "split": split}, tags)
    for name in names:
        parameters = run_parameters(summary.trainers[name], summary.hyperparameters[name], summary.name, split)
        run = experiment.run(name, parameters, tags, parent=parent)
        if (curve := summary.curves.get(name)) is not None:
            validation_metric = f"validation_{curve.metric.lower()}"
            for epoch, train, validation in zip(curve.epochs, curve.train_rmse, curve.validation, strict=True):
                run.log_metrics({"train_rmse": train, validation_metric: validation}, epoch)
        costs = comparison.costs[name].as_dict() if name in comparison.costs else {}
        run.log_metrics(as_test_metrics(comparison.metrics[name], comparison.standard_errors[name]) | costs)
        run.end()
    parent.end()
