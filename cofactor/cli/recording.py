"""`cofactor compare --mlflow`: a comparison as runs in MLflow's store, one for each model under one for them all."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cofactor.experiments.comparison.summary import ComparisonSummary


def record(outcome: "ComparisonSummary", store: str) -> None:
    """Writes what was found. Of several splits, the figures are means and the curves are of the first."""
    from cofactor.training.tracking.mlflow import Experiment, as_test_metrics, run_parameters

    experiment, comparison = Experiment(store, outcome.name), outcome.comparison
    names, split = list(comparison.metrics), " ".join(one.fingerprint for one in outcome.splits)
    told: dict[str, Any] = {"command": outcome.command, "machine": outcome.machine, **_versions(outcome)}
    whole = experiment.run("compare " + ", ".join(names), {"data": outcome.name, "split": split}, told)
    for name in names:
        given = run_parameters(outcome.trainers[name], outcome.hyperparameters[name], outcome.name, split)
        run = experiment.run(name, given, told, parent=whole)
        if (curve := outcome.curves.get(name)) is not None:
            judged_by = f"validation_{curve.metric.lower()}"
            for epoch, train, validation in zip(curve.epochs, curve.train_rmse, curve.validation, strict=True):
                run.log_metrics({"train_rmse": train, judged_by: validation}, epoch)
        costs = comparison.costs[name].as_dict() if name in comparison.costs else {}
        run.log_metrics(as_test_metrics(comparison.metrics[name], comparison.standard_errors[name]) | costs)
        run.end()
    whole.end()


def _versions(outcome: "ComparisonSummary") -> dict[str, str]:
    return {f"version.{name}": version for name, version in outcome.versions.items()}
