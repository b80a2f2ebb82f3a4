"""Which bundle is live, and how another takes its place."""

import numpy as np
import pytest

from cofactor.models.baseline import BaselineModel
from cofactor.serving.model_registry import Service
from cofactor.serving.service import Answers, Pace
from tests.serving import bundle, model, ratings, service


def test_a_service_is_ready_once_it_has_answered():
    cold = Service(bundle())
    assert not cold.ready
    cold.warm_up()
    assert cold.ready


def test_a_candidate_that_cannot_answer_leaves_the_old_bundle_live():
    class Broken(BaselineModel):
        def scores(self, users):
            raise RuntimeError("broken")

    rated = ratings()
    biases = np.zeros(len(rated.users), np.float32), np.zeros(len(rated.items), np.float32)
    running = service()
    before = running.answers()
    with pytest.raises(RuntimeError):
        running.replace(bundle(Broken(rated.training_data, rated.scale, 3.0, *biases, 1.0)))
    assert running.answers() is before
    running.replace(bundle(model(mean=3.5), metrics={"rmse": 1.0}))
    assert running.answers().version != before.version


def test_only_lists_that_take_long_are_worth_a_thread():
    assert Answers(bundle(), Pace(0.001, 0.5)).brief(why=0)
    assert not Answers(bundle(), Pace(0.001, 0.5)).brief(why=1)
    assert service().answers().brief(why=1)
