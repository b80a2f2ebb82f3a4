"""What can be asked of one bundle, without HTTP: every answer is of its documented form, and its content is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.errors import BadData, UnknownId
from cofactor.feedback.store import RatingEvent
from cofactor.serving.schemas import requests, responses
from cofactor.serving.schemas.requests import (
    BatchBody,
    CategsQuery,
    ExplanationQuery,
    FoldedBody,
    ItemsQuery,
    ListBody,
    ListQuery,
    MapQuery,
    Page,
    PopularQuery,
    RecoQuery,
    SearchQuery,
    SimilarQuery,
    SimilarUsersQuery,
)
from cofactor.serving.service import OperatorRules, RecommendationService
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.popularity import Popularity
from tests.small_service import NOBODY_RATED, TITLES, USERS, MemoryStore, bundle, ratings
from tests.toys import factors, noise


@pytest.fixture(scope="module")
def answers():
    return RecommendationService(bundle())


@pytest.fixture(scope="module")
def noisy():
    """Thirty users, twenty items, half stars; the last user and the last item have no rating."""
    return RecommendationService(bundle(factors(noise())))


def body(rated, **more):
    return FoldedBody(ratings=[{"item": item, "rating": rating} for item, rating in rated], **more)


def ids(answer, of="recommendations"):
    return [one["item"] for one in answer[of]]


# The form of every answer --------------------------------------------------------------------------------------------

QUESTIONS = [
    (responses.UserList, lambda a: a.recommendations("40", ListQuery(n=3, why=2))),
    (responses.UserList, lambda a: a.recommendations("somebody", ListQuery(stranger="popular", n=3, why=2))),
    (responses.FoldedList, lambda a: a.recommendations_for_ratings(body([("50", 5.0)], n=3, why=1, diversity=0.5))),
    (responses.BatchLists, lambda a: a.batch(BatchBody(users=["40", "nobody", "7"], n=2))),
    (responses.Popular, lambda a: a.popular(PopularQuery(n=2))),
    (responses.Similar, lambda a: a.similar("50", SimilarQuery(n=2))),
    (responses.SimilarUsers, lambda a: a.similar_users("40", SimilarUsersQuery(n=2))),
    (responses.Explanation, lambda a: a.explanation("40", "1", ExplanationQuery())),
    (responses.OneItem, lambda a: a.item("a/b")),
    (responses.OneItem, lambda a: a.item(NOBODY_RATED)),
    (responses.Items, lambda a: a.items(ItemsQuery(query="matrix"))),
    (responses.Found, lambda a: a.search(SearchQuery(q="mtrix"))),
    (responses.Categs, lambda a: a.categs(CategsQuery(input_str="star"))),
    (responses.Genres, lambda a: a.genres()),
    (responses.Map, lambda a: a.map(MapQuery(n=5))),
    (responses.Users, lambda a: a.users(Page(n=3))),
    (responses.UserRatings, lambda a: a.ratings("40", Page())),
    (responses.Card, lambda a: a.card()),
    (responses.Reco, lambda a: a.reco(RecoQuery(UsrID="40"))),
]


@pytest.mark.parametrize(("form", "ask"), QUESTIONS)
def test_an_answer_is_what_the_documentation_says(answers, form, ask):
    answer = ask(answers)
    form.model_validate(answer, strict=True)
    assert answer["model"] == answers.version


# Lists ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", range(len(USERS)))
def test_an_answer_belongs_to_the_id_and_not_to_a_row(answers, row):
    listed = answers.recommendations(USERS[row], ListQuery(n=3))["recommendations"]
    assert listed[0]["item"] == list(TITLES)[(row + 1) % len(TITLES)]
    assert listed[0]["score"] == 5.0


@pytest.mark.parametrize("user", [*USERS, "everything"])
def test_what_a_user_rated_and_what_nobody_rated_is_left_out(answers, user):
    rated = ratings()
    seen = {str(rated.items.ids[i]) for i in rated.item[rated.user == rated.users.row(user)]}
    answer = answers.recommendations(user, ListQuery(n=100))
    assert set(ids(answer)) == set(TITLES) - seen - {NOBODY_RATED}
    assert (answer["source"], answer["ratings"], answer["next"]) == ("trained", len(seen), None)


def test_what_is_seen_may_be_listed_but_nothing_that_nobody_rated(answers):
    assert set(ids(answers.recommendations("everything", ListQuery(n=100, seen=True)))) == set(TITLES)


def test_a_line_has_what_is_known_of_the_item(answers):
    line = answers.recommendations("40", ListQuery(n=1))["recommendations"][0]
    title = "Cité des enfants perdus, La (1995)"
    assert line == {
        "item": "1",
        "title": title,
        "genres": ["Action", "Sci-Fi"],
        "year": 1995,
        "score": 5.0,
        "because": [],
    }
    untitled = answers.item("9")
    assert (untitled["title"], untitled["year"], untitled["ratings"], untitled["mean"]) == ("9", None, 1, 3.0)
    unrated = answers.item(NOBODY_RATED)
    assert (unrated["genres"], unrated["ratings"], unrated["mean"]) == ([], 0, None)


@pytest.mark.parametrize("why", [0, 2])
def test_every_list_is_that_of_the_model(noisy, why):
    of_model = noisy.loaded_model.model
    for user in of_model.training_data.users.ids:
        listed = noisy.recommendations(user, ListQuery(n=7, why=why))["recommendations"]
        direct = of_model.recommend(user, 7, why=why)
        assert [(one["item"], one["title"], one["score"]) for one in listed] == [
            (one.item, one.title, round(one.score, 4)) for one in direct
        ]
        reasons = [[(r["item"], r["rating"], r["effect"]) for r in one["because"]] for one in listed]
        assert reasons == [[(r.item, r.rating, float(f"{r.effect:.5g}")) for r in one.because] for one in direct]


def test_the_two_columns_are_the_list(answers):
    listed = answers.recommendations("40", ListQuery(n=5))["recommendations"]
    columns = answers.reco(RecoQuery(UsrID="40", n_recos=5))
    assert columns["ratings"] == [one["score"] for one in listed]
    assert columns["labels"] == [one["title"] for one in listed]
    assert all(type(score) is float and 0.5 <= score <= 5.0 for score in columns["ratings"])
    assert "9" in answers.reco(RecoQuery(UsrID="40", n_recos=100))["labels"], "an item without a title is called so"


def test_a_fold_in_ranks_as_the_model_does(answers):
    rated = [("50", 5.0), ("1", 0.5)]
    direct = answers.loaded_model.model.recommend_for_ratings(dict(rated), 5, why=2)
    answer = answers.recommendations_for_ratings(body(rated, n=5, why=2))
    assert ids(answer) == [one.item for one in direct]
    assert not {"50", "1"} & set(ids(answer))
    assert [r["item"] for r in answer["recommendations"][0]["because"]] == [r.item for r in direct[0].because]
    assert (answer["source"], answer["ratings"]) == ("folded-in", 2)
    assert set(ids(answers.recommendations_for_ratings(body(rated, n=100, seen=True)))) == set(TITLES)


def test_somebody_of_whom_nothing_is_known_gets_the_models_list_for_nobody(answers):
    answer = answers.recommendations_for_ratings(body([], n=3, why=1))
    assert ids(answer) == [one.item for one in answers.loaded_model.model.recommend_for_ratings({}, 3)]
    assert answer["ratings"] == 0


@pytest.mark.parametrize(
    ("rated", "words"),
    [
        ([("50", 5.0), ("50", 4.0)], "twice"),
        ([("nope", 5.0)], "unknown item 'nope'"),
        ([("50", 5.5)], "5.5"),
    ],
)
def test_a_history_that_cannot_be_is_refused(answers, rated, words):
    with pytest.raises(BadData, match=words) as caught:
        answers.recommendations_for_ratings(body(rated))
    assert caught.value.hint


def test_unknown_ids_come_with_near_ones(answers):
    def lists():
        return answers.recommendations("401", ListQuery())

    for question in (
        lists,
        lambda: answers.explanation("401", "50", ExplanationQuery()),
        lambda: answers.reco(RecoQuery(UsrID="401")),
        lambda: answers.similar_users("401", SimilarUsersQuery()),
        lambda: answers.ratings("401", Page()),
    ):
        with pytest.raises(UnknownId) as caught:
            question()
        assert "did you mean 40" in caught.value.hint
        assert ("stranger=popular" in caught.value.hint) == (question is lists)
    for question in (lambda: answers.similar("501", SimilarQuery()), lambda: answers.item("501")):
        with pytest.raises(UnknownId, match="unknown item '501'"):
            question()


def test_a_user_of_the_vocabulary_without_ratings_has_the_models_list_for_them(noisy):
    answer = noisy.recommendations("29", ListQuery(n=4, why=3))
    assert (answer["source"], answer["ratings"]) == ("trained", 0)
    assert ids(answer) == [one.item for one in noisy.loaded_model.model.recommend("29", 4)]


def test_a_stranger_may_have_the_most_rated_items(noisy):
    with pytest.raises(UnknownId):
        noisy.recommendations("somebody", ListQuery())
    answer = noisy.recommendations("somebody", ListQuery(n=5, why=3, stranger="popular"))
    counts = noisy.loaded_model.model.training_data.item_counts
    assert ids(answer) == [str(row) for row in np.argsort(-counts, kind="stable")[:5]]
    assert (answer["source"], answer["ratings"]) == ("popular", 0)
    nobody = {one.item: one.score for one in noisy.loaded_model.model.recommend_for_ratings({}, 20)}
    for line in answer["recommendations"]:
        assert line["because"] == []
        assert line["score"] == round(nobody[line["item"]], 4)


def test_many_users_at_once_get_what_each_would_get(noisy):
    users = ["3", "nobody", "7", "3"]
    asked = {"n": 4, "why": 1, "genre": ["comedy"], "diversity": 0.3}
    lists = noisy.batch(BatchBody(users=users, **asked))["lists"]
    assert [one["user"] for one in lists] == users
    alone = noisy.recommendations("7", ListQuery(**asked))
    assert lists[2] == {key: value for key, value in alone.items() if key != "model"}
    assert lists[0] == lists[3]
    assert lists[1]["problem"]["detail"] == "unknown user 'nobody'"
    popular = noisy.batch(BatchBody(users=users, stranger="popular", n=4))["lists"]
    assert [one["source"] for one in popular] == ["trained", "popular", "trained", "trained"]


def test_what_is_wrong_with_a_batch_is_wrong_with_all_of_it(noisy):
    with pytest.raises(BadData, match="unknown genre 'Comdy'"):
        noisy.batch(BatchBody(users=["3", "7"], genre=["Comdy"]))
    following = noisy.batch(BatchBody(users=["3"], n=4))["lists"][0]["next"]
    with pytest.raises(BadData, match="a single user"):
        noisy.batch(BatchBody(users=["3", "7"], n=4, cursor=following))
    assert noisy.batch(BatchBody(users=["3"], n=4, cursor=following))["lists"][0]["recommendations"]


@pytest.mark.parametrize("trainer", [Popularity(), Baseline()])
def test_models_without_vectors_serve_every_question(trainer):
    rated = Ratings.of(["a", "a", "b", "c"], ["x", "y", "x", "z"], [1, 2, 3, 4])
    answers = RecommendationService(bundle(trainer.fit(rated)), store=MemoryStore())
    assert ids(answers.recommendations("b", ListQuery(n=5, why=2, diversity=0.5))) != []
    assert answers.recommendations_for_ratings(body([("x", 3.0)], n=5, why=2))["recommendations"]
    assert answers.card()["predicts_ratings"] is isinstance(trainer, Baseline)
    assert answers.similar("x", SimilarQuery(n=2))["item"] == "x"
    assert answers.explanation("a", "z", ExplanationQuery(n=2))["user"] == "a"
    assert [one["user"] for one in answers.similar_users("a", SimilarUsersQuery())["similar"]] == ["b"]
    answers.rate(requests.RatingsBody(ratings=[{"user": "new", "item": "z", "rating": 4.0}]))
    assert set(ids(answers.recommendations("new", ListQuery(why=1)))) == {"x", "y"}
    assert [one["user"] for one in answers.similar_users("new", SimilarUsersQuery())["similar"]] == ["c"]


def test_lists_of_real_users_are_those_of_the_model_and_of_plain_sorting(real_data):
    of_model = factors(read(real_data / "ml-100k"), rank=8, sweeps=1)
    answers, training_data = RecommendationService(bundle(of_model)), of_model.training_data
    for row, user in enumerate(training_data.users.ids):
        listed = answers.recommendations(user, ListQuery(n=20))["recommendations"]
        direct = of_model.recommend(user, 20)
        assert [(one["item"], one["score"]) for one in listed] == [(one.item, round(one.score, 4)) for one in direct]
        scores = of_model.score_rows(np.array([row], dtype=np.int32))[0]
        scores[training_data.rated(row)[0]] = -np.inf
        scores[training_data.item_counts == 0] = -np.inf
        assert [one["item"] for one in listed] == training_data.items.ids[
            np.argsort(-scores, kind="stable")[:20]
        ].tolist()


# Other questions -----------------------------------------------------------------------------------------------------


def test_an_explanation_has_the_score_and_the_rating_that_moves_it(answers):
    answer = answers.explanation("40", "1", ExplanationQuery())
    assert answer["score"] == 5.0
    assert ids(answer, "because") == ["50"]
    assert answer["because"][0]["rating"] == 4.0


def test_an_explanation_of_what_was_folded_in_is_that_of_the_list(noisy):
    answers = RecommendationService(
        noisy.loaded_model, store=MemoryStore(RatingEvent("new", "3", 5.0, 1), RatingEvent("new", "4", 1.0, 2))
    )
    line = answers.recommendations("new", ListQuery(n=1, why=2))["recommendations"][0]
    explained = answers.explanation("new", line["item"], ExplanationQuery())
    assert explained["score"] == line["score"]
    assert [one for one in explained["because"] if one["effect"] > 0] == line["because"]
    direct = noisy.loaded_model.model.explain_for_ratings({"3": 5.0, "4": 1.0}, line["item"])
    assert ids(explained, "because") == [one.item for one in direct]


def test_users_are_paged_in_order(answers):
    pages = [answers.users(Page(offset=offset, n=3)) for offset in (0, 3, 6, 9)]
    listed = [one["user"] for page in pages for one in page["users"]]
    assert listed == [*USERS, "everything"]
    assert pages[0]["total"] == len(listed)
    assert pages[2]["users"][-1]["ratings"] == len(TITLES)


def test_users_like_a_user_by_the_cosine_of_their_vectors(noisy):
    model_, training_data = noisy.loaded_model.model, noisy.loaded_model.model.training_data
    vectors = model_.user_vectors / np.linalg.norm(model_.user_vectors, axis=1, keepdims=True).clip(1e-9)
    cosine = vectors @ vectors[3]
    cosine[[3, 29]] = -np.inf
    similar = noisy.similar_users("3", SimilarUsersQuery(n=100))["similar"]
    assert [one["user"] for one in similar] == [str(row) for row in np.argsort(-cosine, kind="stable")[:28]]
    np.testing.assert_allclose([one["score"] for one in similar], np.sort(cosine)[::-1][:28], rtol=1e-4)
    own = set(training_data.rated(3)[0].tolist())
    for one in similar:
        others = set(training_data.rated(int(one["user"]))[0].tolist())
        assert (one["ratings"], one["common"]) == (len(others), len(own & others))


def test_users_like_somebody_whose_history_changed_go_by_the_whole_of_it(noisy):
    training_data = noisy.loaded_model.model.training_data
    items, stars = training_data.rated(7)
    words = [RatingEvent("twin", str(i), float(r), 1) for i, r in zip(items, stars, strict=True)]
    changed = RatingEvent("7", "19", 4.0, 1)
    answers = RecommendationService(noisy.loaded_model, store=MemoryStore(*words, changed))
    nearest = answers.similar_users("twin", SimilarUsersQuery(n=1))["similar"][0]
    assert (nearest["user"], nearest["common"]) == ("7", len(items))
    assert nearest["score"] > 0.9
    assert "7" not in [one["user"] for one in answers.similar_users("7", SimilarUsersQuery(n=100))["similar"]]


def test_popular_items_have_their_figures_and_pages(noisy):
    training_data = noisy.loaded_model.model.training_data
    first = noisy.popular(PopularQuery(n=12))
    rest = noisy.popular(PopularQuery(n=12, cursor=first["next"]))
    listed = first["items"] + rest["items"]
    assert rest["next"] is None
    assert ids({"items": listed}, "items") == [
        str(row) for row in np.argsort(-training_data.item_counts, kind="stable")[:19]
    ]
    column = training_data.interactions.tocsc()
    for one in listed:
        values = column[:, [int(one["item"])]].data
        assert (one["ratings"], one["mean"]) == (len(values), pytest.approx(values.mean(), abs=5e-5))


def test_similar_items_are_the_models_and_may_be_filtered(noisy):
    every = noisy.similar("5", SimilarQuery(n=100))
    direct = noisy.loaded_model.model.similar_items("5", 100)
    assert [one["item"] for one in every["similar"]] == [one.item for one in direct]
    assert [one["score"] for one in every["similar"]] == [float(f"{one.score:.5g}") for one in direct]
    assert every["item"] == "5"
    comedies = noisy.similar("5", SimilarQuery(n=3, genre=["Comedy"]))
    assert ids(comedies, "similar") == [one for one in ids(every, "similar") if int(one) % 2][:3]


def test_the_card_says_what_is_served(answers):
    assert RecommendationService(bundle(), name="svd").card()["name"] == "svd"
    assert answers.card()["takes_ratings"] is False
    assert RecommendationService(bundle(), store=MemoryStore()).card()["takes_ratings"] is True
    assert answers.card()["curve"] == []


def test_genres_are_counted_where_they_may_be_recommended(noisy):
    assert noisy.genres()["genres"] == [{"genre": "Comedy", "items": 9}, {"genre": "Drama", "items": 9}]
    fewer = RecommendationService(noisy.loaded_model, rules=OperatorRules(deny=frozenset({"1", "3"})))
    assert fewer.genres()["genres"][0]["items"] == 7


def test_what_the_operator_denies_is_in_no_list(noisy):
    training_data = noisy.loaded_model.model.training_data
    for rules, left in (
        (OperatorRules(deny=frozenset({"1", "5", "unheard of"})), set(training_data.items.ids) - {"1", "5"}),
        (OperatorRules(allow=frozenset({"2", "3", "4", "unheard of"}), deny=frozenset({"4"})), {"2", "3"}),
    ):
        answers = RecommendationService(noisy.loaded_model, rules=rules)
        lists = [
            ids(answers.recommendations("29", ListQuery(n=100))),
            ids(answers.recommendations("29", ListBody(n=100, candidates=["1", "2", "3", "4", "5"]))),
            ids(answers.recommendations("somebody", ListQuery(n=100, stranger="popular"))),
            ids(answers.recommendations_for_ratings(body([("9", 4.0)], n=100, allow=["1", "2", "4", "5"]))),
            ids(answers.popular(PopularQuery(n=100)), "items"),
            ids(answers.similar("7", SimilarQuery(n=100)), "similar"),
            ids(answers.items(ItemsQuery(n=100)), "items"),
            ids(answers.items(ItemsQuery(query="film", n=100)), "items"),
            ids(answers.search(SearchQuery(q="film", n=100)), "items"),
            ids(answers.search(SearchQuery(q="", n=100)), "items"),
            answers.categs(CategsQuery(input_str="comedy", n_recos=100))["items"],
        ]
        assert all(lists)
        assert set().union(*lists) <= left
        labels = answers.reco(RecoQuery(UsrID="29", n_recos=100))["labels"]
        assert set(labels) <= {training_data.title(training_data.items.row(one)) for one in left}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 19), st.sampled_from([None, 0.5, 2.0, 5.0, 9.0])), max_size=6),
    st.sampled_from(["0", "7", "29", "new"]),
)
def test_a_list_rests_on_the_whole_history_as_it_is_now(noisy, words, user):
    """Beside a dictionary that takes every word in turn."""
    training_data = noisy.loaded_model.model.training_data
    store = MemoryStore(*(RatingEvent(user, str(item), rating, at) for at, (item, rating) in enumerate(words)))
    answers = RecommendationService(noisy.loaded_model, store=store)
    history = {}
    if user in training_data.users:
        items, stars = training_data.rated(training_data.users.row(user))
        history = {str(i): float(r) for i, r in zip(items, stars, strict=True)}
    trained = dict(history)
    for item, rating in words:
        history.pop(str(item), None)
        if rating is not None:
            history[str(item)] = min(rating, 5.0)
    if not history and (user == "new" or trained):
        with pytest.raises(UnknownId):
            answers.recommendations(user, ListQuery())
        return
    answer = answers.recommendations(user, ListQuery(n=6, why=2))
    same = history == trained and user != "new"
    direct = (
        noisy.loaded_model.model.recommend(user, 6, why=2)
        if same
        else noisy.loaded_model.model.recommend_for_ratings(history, 6, why=2)
    )
    assert (answer["source"], answer["ratings"]) == ("trained" if same else "folded-in", len(history))
    assert [(one["item"], one["score"]) for one in answer["recommendations"]] == [
        (o.item, round(o.score, 4)) for o in direct
    ]
    assert [ids(one, "because") for one in answer["recommendations"]] == [[r.item for r in o.because] for o in direct]
