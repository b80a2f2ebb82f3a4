"""Predictions for a file of pairs from Python, with the cold-start rules for unknown ids."""

import io
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.reading.pair_file import Pair
from cofactor.evaluation.pair_predictions import predict_file, predict_pairs, prediction_columns, write_predictions
from cofactor.models.baseline import BaselineModel
from tests.toys import noise

RATINGS = noise()


@pytest.fixture(scope="module")
def model() -> BaselineModel:
    user_bias = np.linspace(-1, 1, len(RATINGS.users), dtype=np.float32)
    item_bias = np.linspace(-0.5, 0.5, len(RATINGS.items), dtype=np.float32)
    return BaselineModel(RATINGS.training_data, (0.5, 5.0), 3.0, user_bias, item_bias, 1.0)


def test_each_pair_has_its_prediction_and_names_what_it_lacks(model: BaselineModel, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("user,item\n3,5\nnobody,5\n3,nothing\nnobody,nothing\n")
    found = list(predict_file(model, file, {}))
    assert [one.fallback for one in found] == ["", "user", "item", "user+item"]
    wanted = [3 + model.user_bias[3] + model.item_bias[5], 3 + model.item_bias[5], 3 + model.user_bias[3], 3.0]
    assert [one.prediction for one in found] == pytest.approx(wanted, rel=1e-5)
    assert {one.deviation for one in found} == {None}
    assert found == list(predict_pairs(model, [Pair(one.user, one.item) for one in found]))


def test_written_predictions_count_their_fallbacks(model: BaselineModel) -> None:
    out = io.StringIO()
    pairs = [Pair("3", "5"), Pair("nobody", "5")]
    assert write_predictions(predict_pairs(model, pairs), prediction_columns(model), out) == {"pairs": 2, "fallback": 1}
    lines = out.getvalue().split("\n")
    assert lines[0] == "user,item,prediction,fallback"
    assert lines[2:] == [f"nobody,5,{3 + model.item_bias[5]:.4f},user", ""]
