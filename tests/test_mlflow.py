"""Trainings and comparisons in a store of MLflow's own, read back with MLflow."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cofactor.errors import Unavailable
from cofactor.saved.model_folder import load_manifest
from cofactor.training.tracking.mlflow import Experiment, address
from tests.conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: making its tables takes seconds."""
    return tmp_path_factory.mktemp("mlflow") / "store"


def runs(store: Path, experiment: str) -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(address(str(store)))
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def history(store: Path, run: Any, figure: str) -> dict[int, float]:
    from mlflow.tracking import MlflowClient

    return {
        one.step: one.value for one in MlflowClient(address(str(store))).get_metric_history(run.info.run_id, figure)
    }


def test_a_training_is_a_run(run: Run, store: Path, tmp_path: Path) -> None:
    done = run("train", "svd", "--epochs", "3", "--rank", "4", "--mlflow", store, "--log", "log.csv", "-o", "m")
    assert done.exit_code == 0, done.stderr
    assert "INFO" not in done.stderr
    assert sorted(one.name for one in store.iterdir()) == ["mlflow.db"]
    assert not (tmp_path / "mlruns").exists()
    (found,) = runs(store, "synthetic")
    manifest = load_manifest("m")
    assert found.info.run_name == "svd"
    assert found.info.status == "FINISHED"
    assert found.data.params == {
        "trainer": "svd",
        "data": "synthetic",
        "split": manifest["split"],
        **{name: str(value) for name, value in manifest["hyperparameters"].items()},
    }
    curve = {one["epoch"]: one["validation"] for one in manifest["notes"]["curve"]}
    assert history(store, found, "validation_rmse") == pytest.approx(curve)
    assert found.data.metrics["test_rmse"] == pytest.approx(manifest["metrics"]["rmse"])
    assert found.data.metrics["test_ndcg_at_10"] == pytest.approx(manifest["metrics"]["ndcg@10"])
    assert found.data.metrics["test_rmse_error"] > 0


def test_a_training_that_goes_on_is_the_same_run(store: Path) -> None:
    from cofactor.training.tracking.epoch_row import EpochRow

    def rows(last: int) -> list[EpochRow]:
        return [EpochRow(n, None, 1 / n, None, None, None, None, None, True, n, 1e9 + n) for n in range(1, last + 1)]

    experiment = Experiment(str(store), "goes on")
    first = experiment.run("svd", {"rank": 3}, {}, training="x")
    with pytest.raises(ValueError, match="broken"), first.epochs() as write:  # noqa: PT012  # a training that breaks
        for row in rows(2):
            write(row)
        raise ValueError("broken")
    again = experiment.run("svd", {"rank": 3}, {}, training="x")
    assert again.id == first.id
    assert runs(store, "goes on")[0].info.status == "FAILED"
    with again.epochs() as write:
        for row in rows(4):
            write(row)
    (found,) = runs(store, "goes on")
    assert found.info.status == "FINISHED"
    assert history(store, found, "train_rmse") == {n: 1 / n for n in range(1, 5)}
    assert experiment.run("svd", {}, {}, training="y").id != first.id


def test_a_comparison_is_a_run_with_one_for_each_model(run: Run, store: Path, saved: Path) -> None:
    for name in ("popularity", "baseline"):
        assert run("train", name, "-q").exit_code == 0
    done = run("compare", "models/popularity", "models/baseline", "--mlflow", store)
    assert done.exit_code == 0, done.stderr
    known = {one.info.run_name: one for one in runs(store, "synthetic")}
    whole, baseline = known["compare popularity, baseline"], known["baseline"]
    assert baseline.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert baseline.data.tags["command"].startswith("cofactor compare models/popularity models/baseline")
    assert baseline.data.params["sweeps"] == "10"
    manifest = load_manifest("models/baseline")
    assert baseline.data.metrics["test_rmse"] == pytest.approx(manifest["metrics"]["rmse"])
    assert baseline.data.metrics["fit_seconds"] == manifest["notes"]["fit_seconds"]
    curve = {one["epoch"]: one["validation"] for one in manifest["notes"]["curve"]}
    assert history(store, baseline, "validation_rmse") == pytest.approx(curve)


@pytest.mark.parametrize("command", [("train", "svd"), ("compare", "svd")])
def test_without_mlflow_nothing_is_trained(command: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    done = run(*command, "--mlflow", "runs")
    assert done.exit_code == 2
    assert "MLflow, which is not installed" in done.stderr
    assert "pip install 'cofactor[mlflow]'" in done.stderr
    assert "epoch" not in done.stderr
    assert not Path("runs").exists()


def test_a_store_that_cannot_be_written_is_named_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Unavailable, match="MLflow cannot write to"):
        Experiment(str(tmp_path / "file"), "x")
    with pytest.raises(Unavailable) as wrong:
        Experiment("nosuch://me:secret@host/db", "x")
    assert "nosuch://host/db" in wrong.value.message
    assert "secret" not in wrong.value.message


def test_nothing_else_imports_mlflow() -> None:
    files = "cli.train", "cli.compare", "experiments.comparison.mlflow_runs", "training.tracking.mlflow"
    modules = ", ".join(f"cofactor.{name}" for name in files)
    code = f"import sys, {modules}; print('mlflow' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert said.stdout == "False\n"
