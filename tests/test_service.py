"""Which bundle is live, and how another takes its place."""

import numpy as np
import pytest

from cofactor.models.baseline import BaselineModel
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.service import Latency, RecommendationService
from tests.serving import bundle, model, ratings, service


def test_a_service_is_ready_once_it_has_answered():
    cold = ModelRegistry(bundle())
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
    before = running.service()
    with pytest.raises(RuntimeError):
        running.replace(bundle(Broken(rated.training_data, rated.scale, 3.0, *biases, 1.0)))
    assert running.service() is before
    running.replace(bundle(model(mean=3.5), metrics={"rmse": 1.0}))
    assert running.service().version != before.version


def test_only_lists_that_take_long_are_worth_a_thread():
    assert RecommendationService(bundle(), Latency(0.001, 0.5)).is_fast(why=0)
    assert not RecommendationService(bundle(), Latency(0.001, 0.5)).is_fast(why=1)
    assert service().service().is_fast(why=1)
