"""What can be asked of a service, without HTTP."""

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, UnknownId
from cofactor.models.baseline import BaselineModel
from cofactor.serving.answers import Answers, Pace
from cofactor.serving.service import Service
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.popularity import Popularity
from tests.serving import NOBODY_RATED, TITLES, USERS, bundle, model, ratings, service


@pytest.fixture(scope="module")
def answers():
    return service().answers()


@pytest.mark.parametrize("row", range(len(USERS)))
def test_an_answer_belongs_to_the_id_and_not_to_a_row(answers, row):
    listed = answers.recommendations(USERS[row], 3, 0)["recommendations"]
    assert listed[0]["item"] == list(TITLES)[(row + 1) % len(TITLES)]
    assert listed[0]["score"] == 5.0


@pytest.mark.parametrize("user", [*USERS, "everything"])
def test_what_a_user_rated_and_what_nobody_rated_is_left_out(answers, user):
    rated = ratings()
    seen = {str(rated.items.ids[i]) for i in rated.item[rated.user == rated.users.row(user)]}
    listed = {one["item"] for one in answers.recommendations(user, 100, 0)["recommendations"]}
    assert listed == set(TITLES) - seen - {NOBODY_RATED}


def test_the_two_columns_are_the_list(answers):
    listed = answers.recommendations("40", 5, 0)["recommendations"]
    columns = answers.reco("40", 5)
    assert columns["ratings"] == [one["score"] for one in listed]
    assert columns["labels"] == [one["title"] for one in listed]
    assert all(type(score) is float and 0.5 <= score <= 5.0 for score in columns["ratings"])


def test_an_item_without_a_title_is_shown_by_its_id(answers):
    assert "9" in answers.reco("40", 100)["labels"]


def test_a_fold_in_of_a_known_history_ranks_as_the_model_does(answers):
    rated = [("50", 5.0), ("1", 0.5)]
    direct = answers.bundle.model.recommend_from(dict(rated), 5, why=2)
    listed = answers.recommendations_from(rated, 5, 2)["recommendations"]
    assert [one["item"] for one in listed] == [one.item for one in direct]
    assert not {"50", "1"} & {one["item"] for one in listed}
    assert [r["item"] for r in listed[0]["because"]] == [r.item for r in direct[0].because]


def test_somebody_of_whom_nothing_is_known_gets_a_list(answers):
    assert len(answers.recommendations_from([], 3, 1)["recommendations"]) == 3


@pytest.mark.parametrize(
    ("rated", "words"),
    [
        ([("50", 5.0), ("50", 4.0)], "twice"),
        ([("nope", 5.0)], "unknown item 'nope'"),
        ([("50", 5.5)], "5.5"),
        ([("50", float("nan"))], "nan"),
    ],
)
def test_a_history_that_cannot_be_is_refused(answers, rated, words):
    with pytest.raises(BadData, match=words) as caught:
        answers.recommendations_from(rated, 5, 0)
    assert caught.value.hint


def test_an_explanation_has_the_score_and_the_rating_that_moves_it(answers):
    answer = answers.explanation("40", "1", 5)
    assert answer["score"] == 5.0
    assert [one["item"] for one in answer["because"]] == ["50"]
    assert answer["because"][0]["rating"] == 4.0


def test_unknown_ids_come_with_near_ones(answers):
    for question in (
        lambda: answers.recommendations("401", 5, 0),
        lambda: answers.explanation("401", "50", 5),
        lambda: answers.reco("401", 5),
    ):
        with pytest.raises(UnknownId) as caught:
            question()
        assert "40" in caught.value.hint
    with pytest.raises(UnknownId):
        answers.similar("501", 5)


def test_users_are_paged_in_order(answers):
    pages = [answers.users(offset, 3) for offset in (0, 3, 6, 9)]
    listed = [one["user"] for page in pages for one in page["users"]]
    assert listed == [*USERS, "everything"]
    assert pages[0]["total"] == 8
    assert pages[2]["users"][-1]["ratings"] == len(TITLES)


@pytest.mark.parametrize("trainer", [Popularity(), Baseline()])
def test_models_without_vectors_serve_every_question(trainer):
    rated = Ratings.of(["a", "a", "b", "c"], ["x", "y", "x", "z"], [1, 2, 3, 4])
    answers = service(trainer.fit(rated)).answers()
    assert [one["item"] for one in answers.recommendations("b", 5, 2)["recommendations"]] != []
    assert answers.recommendations_from([("x", 3.0)], 5, 2)["recommendations"]
    assert answers.card()["predicts_ratings"] is isinstance(trainer, Baseline)
    assert answers.similar("x", 2)["item"] == "x"
    assert answers.explanation("a", "z", 2)["user"] == "a"


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
        running.replace(bundle(Broken(rated.catalog, rated.scale, 3.0, *biases, 1.0)))
    assert running.answers() is before
    running.replace(bundle(model(mean=3.5), metrics={"rmse": 1.0}))
    assert running.answers().version != before.version


def test_only_lists_that_take_long_are_worth_a_thread():
    assert Answers(bundle(), Pace(0.001, 0.5)).brief(why=0)
    assert not Answers(bundle(), Pace(0.001, 0.5)).brief(why=1)
    assert service().answers().brief(why=1)
