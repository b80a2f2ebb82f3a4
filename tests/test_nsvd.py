"""NSVD: what `history` keeps, in training and of new users. What it shares with SVD++ is tested there."""

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.models.pooled import PooledModel
from cofactor.trainers.nsvd import NSVD

USERS, ITEMS = [0, 0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 3, 0, 1, 0, 1, 2]  # numbers of ratings: 4, 2, 3


def few() -> Ratings:
    return Ratings.of(USERS, ITEMS, [5.0, 3, 1, 2, 4, 4, 1, 2, 3])


@pytest.mark.parametrize(("history", "kept"), [("max", 4), ("mean", 3), ("min", 2), ("1", 1), ("3", 3), ("100", 100)])
def test_history_is_a_length_of_the_users_or_a_number(history: str, kept: int) -> None:
    model = NSVD(rank=2, n_epochs=3, history=history).fit(few())
    assert isinstance(model, PooledModel)
    assert model.most == kept
    rarest = [3, 2, 0, 1][:kept]  # rated by 1, 2, 3 and 3 users
    pool = model.set_vectors[rarest].sum(axis=0) / np.sqrt(len(rarest))
    np.testing.assert_allclose(model.user_vectors[0], pool, atol=1e-6)
    np.testing.assert_allclose(model.fold_in_vectors(few().by_user())[1], model.user_vectors, atol=1e-6)


def test_what_is_not_pooled_is_not_learned() -> None:
    cut, whole = (NSVD(rank=2, n_epochs=3, history=history).fit(few()).set_vectors for history in ("1", "max"))
    assert not cut[1].any(), "of two items of most ratings the later, in the pool of nobody"
    assert whole[1].any()


def test_users_without_ratings_do_not_count_for_the_length() -> None:
    ratings = few().where(np.array(USERS) != 1)
    assert NSVD(rank=2, n_epochs=1, history="min").fit(ratings).most == 3
    assert NSVD(rank=2, n_epochs=1, history="mean").fit(ratings).most == 4  # 3.5, rounded to even


@pytest.mark.parametrize("history", ["median", "0", "-3", "2.5", "", "١٢x"])
def test_a_history_that_is_no_length_is_an_error(history: str) -> None:
    with pytest.raises(BadHyperparameter, match="nsvd: history is") as error:
        NSVD(history=history)
    assert "max, mean, min" in error.value.hint
