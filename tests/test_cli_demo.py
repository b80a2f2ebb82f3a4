"""The demo, as a newcomer runs it."""

import json
from pathlib import Path

from cofactor.cli.demo import MODELS
from cofactor.saved.model_folder import load, load_manifest
from cofactor.trainers import TRAINERS
from tests.conftest import Run


def test_the_demo_goes_the_whole_way(run: Run, tmp_path: Path) -> None:
    done = run("demo")
    assert done.exit_code == 0
    trained = [name for name in MODELS if name in TRAINERS]
    table = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.split()[:1]}
    assert set(trained) <= set(table)
    best_possible = float(done.stdout.partition("The lowest possible RMSE is ")[2].split(",")[0])
    reached = [load_manifest(tmp_path / "demo" / "models" / name)["metrics"].get("rmse") for name in trained]
    assert 0 < best_possible < min(rmse for rmse in reached if rmse is not None)
    assert "validation RMSE" in done.stderr
    assert f"cofactor serve demo/models/{trained[-1]}" in done.stderr
    assert "http://127.0.0.1:8000/" in done.stderr


def test_what_the_demo_recommends_is_unseen_titled_and_explained(run: Run, tmp_path: Path) -> None:
    said = run("demo").stdout
    model = load(next(path for name in reversed(MODELS) if (path := tmp_path / "demo" / "models" / name).exists()))
    listed = model.recommend("1", 5, why=1)
    assert len(listed) == 5
    recommended = said.partition("Recommended to user 1")[2]
    for one in listed:
        assert one.title in recommended
        assert one.because[0].title in said
        assert one.item not in {r.item for r in one.because}


def test_the_models_of_the_demo_can_be_measured_again(run: Run) -> None:
    assert run("demo").exit_code == 0
    again = json.loads(run("evaluate", "demo/models/baseline", "-k", "10", "--json").stdout)
    assert again["metrics"]["rmse"] == load_manifest("demo/models/baseline")["metrics"]["rmse"]
