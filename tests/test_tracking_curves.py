"""Learning curves: what is drawn, and when it is written."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, split
from cofactor.errors import BadData
from cofactor.trainers import TRAINERS
from cofactor.training.early_stopping import ValidatedEpoch, early_stopping
from cofactor.training.tracking import curves as module
from cofactor.training.tracking.curves import CurvesTracker, curves, draw_curves, save_plot
from cofactor.training.tracking.epoch_row import EpochRow
from cofactor.training.tracking.progress import NoProgress
from cofactor.training.tracking.record import record_epochs
from tests.conftest import Run


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


def training(parts: Split, name: str = "svd", epochs: int = 5) -> Iterator[ValidatedEpoch]:
    trainer = TRAINERS[name].of(**({"n_epochs": epochs} if name != "popularity" else {}))
    return early_stopping(trainer.epochs(parts.train), parts.validation, patience=epochs)


def rows_of(epochs: Iterator[ValidatedEpoch]) -> list[EpochRow]:
    return [EpochRow.of(one, float(one.epoch.number)) for one in epochs]


def lines(axis: Axes) -> dict[str, list[tuple[float, float]]]:
    """The points of each line by the name that stands at its end."""
    named = {text.get_color(): text.get_text() for text in axis.texts}
    whole = [line for line in axis.lines if len(line.get_xdata()) > 1 and line.get_color() in named]
    return {
        named[line.get_color()]: list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in whole
        if line.get_linestyle() == "-"
    }


def test_the_errors_of_both_parts_the_best_epoch_and_the_learning_rate(parts: Split) -> None:
    rows = rows_of(training(parts))
    errors, rate = draw_curves(rows, "svd on movies").axes
    assert lines(errors) == {
        "training": [(row.epoch, row.train_rmse) for row in rows],
        "validation": [(row.epoch, row.validation_rmse) for row in rows],
    }
    assert list(rate.lines[0].get_ydata()) == [row.learning_rate for row in rows]
    best = min(rows, key=lambda row: row.validation_rmse or 9)
    assert errors.get_title("right") == f"best RMSE {best.validation_rmse:.4f} in epoch {best.epoch}"
    assert errors.get_ylabel() == "RMSE"
    low, high = errors.get_ylim()
    assert all(low < y < high for line in lines(errors).values() for _, y in line)


def test_a_model_that_only_ranks_has_its_ndcg_draw_curves(parts: Split) -> None:
    rows = rows_of(training(parts, "ials"))
    axis = draw_curves(rows, "ials on movies").axes[0]
    assert axis.get_ylabel() == "NDCG@10"
    assert lines(axis) == {"validation": [(row.epoch, row.validation_ndcg) for row in rows]}


def test_a_loss_is_drawn_where_there_is_no_training_error() -> None:
    rows = [EpochRow(k, 1 / k, None, None, None, None, 0.1 * k, None, True, k, k) for k in (1, 2, 3)]
    assert [axis.get_ylabel() for axis in draw_curves(rows, "").axes] == ["NDCG@10", "loss"]


def test_high_errors_of_the_first_epochs_do_not_press_down_the_others() -> None:
    errors = [30.0, *np.linspace(1.1, 0.9, 19)]
    rows = [EpochRow(k, None, e, e + 0.01, None, None, None, None, True, k, k) for k, e in enumerate(errors, 1)]
    low, high = draw_curves(rows, "").axes[0].get_ylim()
    assert 0.8 < low < 0.9
    assert 1.0 < high < 1.2


def test_names_of_lines_that_end_together_stand_apart() -> None:
    rows = [EpochRow(k, None, 0.9, 0.9001, None, None, None, None, True, k, k) for k in (1, 2)]
    heights = sorted(text.xy[1] for text in draw_curves(rows, "").axes[0].texts)  # type: ignore[attr-defined]
    assert heights[1] - heights[0] > 0.05


@pytest.mark.parametrize("name", ["svd", "als", "ials", "popularity"])
def test_a_picture_of_every_kind_of_training(name: str, parts: Split, tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "curves.png"
    for _ in record_epochs(training(parts, name), NoProgress(), curves(path, f"{name} on $movies_1$ 映画")):
        assert not path.exists(), "a short training is not held up"
    picture = imread(path)
    assert picture.shape[1] == 1200
    assert len(np.unique(picture[:, :, 0])) > 10
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_drawing_that_scales(parts: Split, tmp_path: Path) -> None:
    save_plot(draw_curves(rows_of(training(parts)), "svd on movies"), tmp_path / "curves.svg")
    root = ElementTree.parse(tmp_path / "curves.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 10


def test_a_training_that_is_left_has_its_picture(parts: Split, tmp_path: Path) -> None:
    with closing(record_epochs(training(parts), NoProgress(), curves(tmp_path / "c.png", "svd"))) as shown:
        next(shown)
        next(shown)
    assert (tmp_path / "c.png").exists()

    def interrupted() -> Iterator[ValidatedEpoch]:
        yield from training(parts, epochs=2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(record_epochs(interrupted(), NoProgress(), curves(tmp_path / "d.png", "svd")))
    assert (tmp_path / "d.png").exists()


def test_a_long_training_can_be_watched(parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PLOT_SECONDS", 0.0)
    path, pictures = tmp_path / "c.png", 0
    for _ in record_epochs(training(parts, epochs=20), NoProgress(), curves(path, "svd")):
        pictures += path.exists()
        path.unlink(missing_ok=True)
    assert pictures == 1, "the next is due when fifty times as long has passed as the first took"


def test_a_name_that_says_no_picture_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    done = run("train", "svd", "--curves", "curves.csv", "-o", "model")
    assert done.exit_code == 2
    assert "hint: as in curves.png" in done.stderr
    assert not (tmp_path / "model").exists()


def test_a_tracker_refuses_such_a_name_when_it_is_made() -> None:
    with pytest.raises(BadData, match=r"curves\.csv"):
        CurvesTracker("curves.csv")


def test_without_matplotlib_nothing_is_trained(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run("train", "svd", "--curves", "curves.png", "-o", "model")
    assert done.exit_code == 2
    assert "pip install matplotlib" in done.stderr
    assert not (tmp_path / "model").exists()


def test_the_command_draws_them(run: Run, tmp_path: Path) -> None:
    assert run("train", "svd", "--epochs", "2", "--curves", "pictures/curves.svg", "-q").exit_code == 0
    assert (tmp_path / "pictures" / "curves.svg").read_text().startswith("<?xml")
