"""The demo, as a newcomer runs it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cofactor.cli import cofactor
from cofactor.cli.demo import MODELS
from cofactor.saved.model_folder import load, load_manifest
from cofactor.trainers import TRAINERS
from tests.conftest import Run


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder in which the demo was run, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder / "demo", CliRunner().invoke(cofactor, ["demo"])


def test_what_the_demo_trains_are_trainers_with_hyperparameters_that_they_have() -> None:
    assert [TRAINERS[name].of(**settings).name for name, settings in MODELS.items()] == list(MODELS)


def test_the_demo_goes_the_whole_way(shown: tuple[Path, Result]) -> None:
    folder, done = shown
    assert done.exit_code == 0
    table = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.split()[:1]}
    assert set(MODELS) <= set(table)
    best_possible = float(done.stdout.partition("The lowest possible RMSE is ")[2].split(",")[0])
    reached = [load_manifest(folder / "models" / name)["metrics"].get("rmse") for name in MODELS]
    assert 0 < best_possible < min(rmse for rmse in reached if rmse is not None)
    assert "validation RMSE" in done.stderr
    assert f"cofactor serve demo/models/{list(MODELS)[-1]}" in done.stderr
    assert "http://127.0.0.1:8000/" in done.stderr
    assert (folder / "report" / "report.html").is_file()


def test_what_the_demo_recommends_is_unseen_titled_and_explained(shown: tuple[Path, Result]) -> None:
    folder, done = shown
    listed = load(folder / "models" / list(MODELS)[-1]).recommend("1", 5, why=1)
    assert len(listed) == 5
    recommended = done.stdout.partition("Recommended to user 1")[2]
    for one in listed:
        assert one.title in recommended
        assert one.because[0].title in done.stdout
        assert one.item not in {r.item for r in one.because}


def test_the_models_of_the_demo_can_be_measured_again(shown: tuple[Path, Result], run: Run) -> None:
    model = shown[0] / "models" / "baseline"
    again = json.loads(run("evaluate", model, "-k", "10", "--json").stdout)
    assert again["metrics"]["rmse"] == load_manifest(model)["metrics"]["rmse"]
