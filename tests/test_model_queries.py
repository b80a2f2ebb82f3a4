"""What Python asks of a model: by ids, for one user or many, with filters; and the tables that answers are."""

from types import MappingProxyType

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, UnknownId
from cofactor.models.base import Model
from cofactor.models.top_n import ranking
from cofactor.models.top_n.recommendations import Recommendation, Recommendations, RecommendationsByUser
from cofactor.serving.schemas.requests import ListBody
from cofactor.serving.service import RecommendationService
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.ials import IALS
from tests.small_service import bundle
from tests.toys import factors, noise, posterior

N_USERS, N_ITEMS = 30, 20
GENRES = ("Drama", "Comedy|Drama", "Western", "")


@pytest.fixture(scope="module")
def model() -> Model:
    """Items 0 … 19 from the years 1980 … 1999, of four genres in turn; nobody has rated item 19."""
    rated = noise()
    return factors(
        Ratings(
            rated.users,
            rated.items,
            rated.user,
            rated.item,
            rated.value,
            titles=np.array([f"Film {i} ({1980 + i})" for i in range(N_ITEMS)], dtype=object),
            genres=np.array([GENRES[i % 4] for i in range(N_ITEMS)], dtype=object),
        )
    )


def from_stream(table: object) -> polars.DataFrame:
    """A table that is given as an Arrow stream."""
    return polars.from_arrow(pyarrow.RecordBatchReader.from_stream(table).read_all())


# Ids ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "users",
    [
        ["3", "12"],
        [3, 12],
        (3.0, 12.0),
        np.array([3, 12]),
        np.array([3, 12], dtype=np.float32),
        pandas.Series([3, 12], index=[7, 8]),
        pandas.Series([3.0, 12.0]),
        polars.Series(["3", "12"]),
        iter(["3", 12]),
    ],
)
def test_whole_numbers_are_ids_however_they_come(model: Model, users: object) -> None:
    expected = model.predict_rows(np.array([3, 12]), np.array([5, 0]))
    np.testing.assert_array_equal(model.predict(users, ["5", "0"]), expected)


def test_a_number_is_an_id_and_no_row() -> None:
    rated = Ratings.of([196, 186, 22], [50, 60, 70], [5.0, 1.0, 3.0])
    model = Baseline().fit(rated)
    by_row = model.predict_rows(np.array([1]), np.array([2]))  # ids in their order: 22, 186, 196
    np.testing.assert_array_equal(model.predict([186], [70]), by_row)
    assert model.recommend(196, include_seen=True) == model.recommend("196", include_seen=True)
    assert model.similar_items(50) == model.similar_items("50")
    assert model.explain(196, 50) == model.explain("196", "50")
    assert model.fold_in({50: 5.0}).recommend() == model.fold_in({"50": 5.0}).recommend()


FRAME = {"user_id": [3, 12, 3], "movieId": [5, 0, 1], "rating": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    "table",
    [
        pandas.DataFrame(FRAME),
        polars.DataFrame(FRAME),
        polars.LazyFrame(FRAME),
        polars.DataFrame(FRAME).to_arrow(),
        FRAME,
        MappingProxyType(FRAME),
    ],
)
def test_a_table_of_pairs_is_predicted_by_its_columns_of_ids(model: Model, table: object) -> None:
    np.testing.assert_array_equal(model.predict(table), model.predict(["3", "12", "3"], ["5", "0", "1"]))


def test_a_table_gives_its_times_to_a_model_that_uses_them() -> None:
    model, seconds = posterior(), np.array([2, 3]) * 86400
    timed = model.predict(["1", "2"], ["3", "4"], seconds)
    assert (timed != model.predict(["1", "2"], ["3", "4"])).any()
    table = {"user": ["1", "2"], "item": ["3", "4"], "timestamp": seconds}
    np.testing.assert_array_equal(model.predict(table), timed)
    dates = pandas.DataFrame({"user": [1, 2], "item": [3, 4], "time": pandas.to_datetime(seconds, unit="s")})
    np.testing.assert_array_equal(model.predict(dates), timed)


def test_one_id_each_is_one_pair(model: Model) -> None:
    np.testing.assert_array_equal(model.predict("3", 5), model.predict(["3"], ["5"]))


def test_a_table_without_the_columns_says_what_predict_takes(model: Model) -> None:
    with pytest.raises(BadData, match="no column for the item among user") as caught:
        model.predict({"user": ["3"]})
    assert caught.value.hint == "rename the columns to user and item, or give two: predict(users, items)"


def test_columns_that_are_not_needed_do_not_matter(model: Model) -> None:
    table = {"user": ["3"], "item": ["5"], "rating": [1.0], "score": ["x"], "date": ["yesterday"]}
    np.testing.assert_array_equal(model.predict(table), model.predict(["3"], ["5"]))
    with pytest.raises(BadData, match="times are of type"):
        posterior().predict(table)


def test_unknown_ids_get_the_scores_of_the_cold_start_rules(model: Model) -> None:
    nobody = model.fold_in({}).predict(["5"])
    np.testing.assert_array_equal(model.predict(["nobody"], ["5"]), nobody)
    unknown = model.clip(model.unknown_item_scores)
    np.testing.assert_array_equal(model.predict(["3", "nobody"], ["x", "x"]), unknown[[3, -1]])
    np.testing.assert_array_equal(model.fold_in({}).predict(["x", "5"]), [unknown[-1], nobody[0]])
    assert model.predict([], []).shape == (0,)


def test_a_model_that_only_ranks_has_no_score_for_an_unknown_item() -> None:
    ranker = IALS(rank=2, n_epochs=1).fit(noise())
    assert ranker.predict(["3", "nobody"], ["x", "x"]).tolist() == [-np.inf, -np.inf]
    assert np.isfinite(ranker.predict(["nobody"], ["5"])).all()


def test_the_uncertainty_of_pairs_is_that_of_their_rows() -> None:
    model = posterior()
    rows = np.array([1, -1]), np.array([3, 4])
    np.testing.assert_array_equal(model.deviation([1, "nobody"], [3, 4]), model.deviation_rows(*rows))
    np.testing.assert_array_equal(
        model.uncertainty({"user": ["1", "nobody"], "item": [3, 4]}), model.uncertainty_rows(*rows)
    )


# Lists ----------------------------------------------------------------------------------------------------------------


def test_the_lists_of_several_users_are_those_of_each(model: Model) -> None:
    options = {"n": 4, "why": 1, "genre": "Drama", "diversity": 0.4}
    lists = model.recommend([7, "3", 7], **options)
    assert list(lists) == ["7", "3"]
    assert lists[7] == lists["7"]
    with pytest.raises(KeyError, match="'12'"):
        lists[12]
    assert lists == {user: model.recommend(user, **options) for user in ("7", "3")}
    with pytest.raises(UnknownId, match="unknown user 'x'"):
        model.recommend(["3", "x"])


def test_users_scored_together_get_the_lists_they_get_alone(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    users = [str(user) for user in range(N_USERS)]
    alone = {user: model.recommend(user, 5) for user in users}
    monkeypatch.setattr(ranking, "MIN_ITEMS_TOGETHER", 1)
    monkeypatch.setattr(ranking, "CELLS_TOGETHER", 4 * N_ITEMS)
    together = model.recommend(users, 5)
    assert [[one.item for one in listed] for listed in together.values()] == [
        [one.item for one in listed] for listed in alone.values()
    ]
    assert together == {user: model.recommend(user, 5) for user in users}


ids = st.lists(st.sampled_from([str(i) for i in range(N_ITEMS)]), max_size=6)
genres = st.lists(st.sampled_from(["drama", "Comedy", "WESTERN"]), max_size=2)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, N_USERS - 1),
    st.fixed_dictionaries(
        {},
        optional={
            "n": st.integers(1, 12),
            "candidates": ids,
            "allow": ids,
            "deny": ids,
            "genre": genres,
            "without_genre": genres,
            "year_from": st.integers(1978, 2001),
            "year_to": st.integers(1978, 2001),
            "diversity": st.floats(0, 1),
            "why": st.integers(0, 2),
        },
    ),
    st.booleans(),
)
def test_a_list_is_that_of_the_service(model: Model, user: int, options: dict, seen: bool) -> None:
    service = RecommendationService(bundle(model))
    answer = service.recommendations(str(user), ListBody(**options, seen=seen))["recommendations"]
    found = model.recommend(user, **options, include_seen=seen)
    assert [(one.item, one.title) for one in found] == [(one["item"], one["title"]) for one in answer]
    assert [one.score for one in found] == pytest.approx([one["score"] for one in answer], abs=1e-4)
    assert [[effect.item for effect in one.because] for one in found] == [
        [effect["item"] for effect in one["because"]] for one in answer
    ]


def test_a_new_user_has_the_same_options(model: Model) -> None:
    user = model.fold_in({"1": 5.0, "2": 1.0})
    assert {one.item for one in user.recommend(50, genre="western")} == {"6", "10", "14", "18"}
    assert {one.item for one in user.recommend(50, genre="western", include_seen=True)} == {"2", "6", "10", "14", "18"}
    assert {one.item for one in user.recommend(50, candidates=[1, 19])} == {"1", "19"}
    assert model.recommend_for_ratings({"1": 5.0, "2": 1.0}, 3, year_to=1985) == user.recommend(3, year_to=1985)
    assert {one.item for one in model.similar_items("1", 50, year_from=1997)} == {"17", "18"}


def test_a_wrong_filter_is_an_error_with_the_nearest_name(model: Model) -> None:
    with pytest.raises(BadData, match="unknown genre 'Dramma'") as caught:
        model.recommend("3", genre="Dramma")
    assert caught.value.hint == "did you mean Drama?"
    with pytest.raises(BadData, match="unknown item 'x'"):
        model.recommend("3", candidates=["x"])
    with pytest.raises(BadData, match="no option 'exclude_seen'") as caught:
        model.recommend("3", exclude_seen=False)
    assert caught.value.hint == "here it is called include_seen: True also lists what the user has rated"
    assert model.recommend("3", allow=["x", 5], include_seen=True)[0].item == "5", "unknown ids of allow are ignored"


def test_similar_users_are_those_of_the_service(model: Model) -> None:
    service = RecommendationService(bundle(model))
    from cofactor.serving.schemas.requests import SimilarUsersQuery

    answer = service.similar_users("3", SimilarUsersQuery(n=4))["similar"]
    found = model.similar_users(3, 4)
    assert [(one.user, one.ratings, one.common) for one in found] == [
        (one["user"], one["ratings"], one["common"]) for one in answer
    ]
    by_vectors = model.user_vectors @ model.user_vectors[3]
    lengths = np.linalg.norm(model.user_vectors, axis=1)
    cosine = by_vectors / np.maximum(lengths * lengths[3], 1e-12)
    cosine[[3, N_USERS - 1]] = -2  # the user, and one without ratings
    assert [one.user for one in found] == [str(row) for row in np.argsort(-cosine, kind="stable")[:4]]
    assert "29" not in {one.user for one in model.similar_users(3, 100)}


def test_a_title_in_place_of_an_id_is_answered_with_the_id(model: Model) -> None:
    for ask in (
        lambda: model.similar_items("film 12"),
        lambda: model.explain("3", "film 12"),
        lambda: model.fold_in({"Film 12 (1992)": 4}),
    ):
        with pytest.raises(UnknownId, match="unknown item") as refused:
            ask()
        assert refused.value.hint == "give the id, not the title: 12 is 'Film 12 (1992)'"
    with pytest.raises(UnknownId) as refused:
        model.similar_items("film")
    assert refused.value.hint.count("Film") == 3
    with pytest.raises(UnknownId) as refused:
        model.similar_items("no such")
    assert "title" not in refused.value.hint


# Tables ---------------------------------------------------------------------------------------------------------------


def test_a_list_is_a_table(model: Model) -> None:
    listed = model.recommend("3", 4, why=1)
    frame = listed.to_pandas()
    assert list(frame.columns) == ["rank", "item", "title", "genres", "score", "because"]
    assert frame["rank"].tolist() == [1, 2, 3, 4]
    assert frame["item"].tolist() == [one.item for one in listed]
    assert frame["score"].tolist() == [one.score for one in listed]
    for other in (listed.to_polars(), from_stream(listed), polars.from_arrow(listed.to_arrow())):
        assert other.to_dicts() == frame.to_dict("records")
    assert isinstance(listed, list)
    assert listed[:1] == [listed[0]]


def test_a_printed_list_is_a_table(model: Model) -> None:
    listed, lists = model.recommend("3", 2), model.recommend(["3", "7"], 2)
    assert str(listed).splitlines()[0].split() == ["rank", "item", "title", "genres", "score"]
    assert str(listed).splitlines()[1].split()[:2] == ["1", listed[0].item]
    assert str(lists).splitlines()[3].split()[:3] == ["7", "1", lists["7"][0].item]
    assert repr(listed).startswith("[Recommendation(")


def test_the_lists_of_many_are_one_table(model: Model) -> None:
    lists = model.recommend(["7", "3"], 2)
    frame = lists.to_pandas()
    assert list(frame.columns) == ["user", "rank", "item", "title", "genres", "score"]
    assert frame["user"].tolist() == ["7", "7", "3", "3"]
    assert frame["item"].tolist() == [one.item for listed in lists.values() for one in listed]
    assert from_stream(lists).shape == (4, 6)


def test_an_empty_list_has_its_columns(model: Model) -> None:
    listed = model.recommend("3", allow=[])
    assert listed == []
    assert from_stream(listed).columns == ["rank", "item", "title", "genres", "score"]
    assert listed.to_pandas().shape == (0, 5)
    assert RecommendationsByUser().to_pandas().shape == (0, 6)
    assert model.recommend([]) == {}


def test_reasons_are_a_column_of_a_list_and_of_the_lists_of_several_users(model: Model) -> None:
    listed = model.recommend("3", n=2, why=2)
    shown = [f"{one.title or one.item} ({one.rating:g})" for one in listed[0].because]
    assert listed.to_pandas()["because"][0] == "; ".join(shown)
    assert "; ".join(shown) in str(listed)
    unlike = RecommendationsByUser({"3": listed, "4": model.recommend("4", n=1)}).to_pandas()
    assert unlike["because"].tolist() == [*listed.to_pandas()["because"], ""]
    assert unlike["rank"].tolist() == [1, 2, 1]


def test_explanations_and_similar_users_are_tables(model: Model) -> None:
    assert list(model.explain("3", "5").to_pandas()) == ["item", "title", "rating", "effect"]
    assert from_stream(model.similar_users("3")).columns == ["user", "score", "ratings", "common"]


def test_a_table_in_a_notebook_escapes_its_texts() -> None:
    shown = Recommendations([Recommendation("<i>", "<script>", "&", 1.0)])._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    many = Recommendations([Recommendation(str(i), "", "", 1.0) for i in range(30)])._repr_html_()
    assert many.count("<tr>") == 21
    assert "10 more rows" in many


# Parameters -----------------------------------------------------------------------------------------------------------


def test_parameters_come_with_their_ids(model: Model) -> None:
    assert set(model.parameters) == {"user_bias", "item_bias", "user_vectors", "item_vectors"}
    vectors, bias = model.parameters["user_vectors"], model.parameters["item_bias"]
    np.testing.assert_array_equal(vectors[3], model.user_vectors[3])
    np.testing.assert_array_equal(np.asarray(vectors), model.user_vectors)
    assert vectors.ids.tolist() == model.training_data.users.ids.tolist()
    assert bias["5"] == model.item_bias[5]
    frame = bias.to_pandas()
    assert frame.set_index("item")["item_bias"]["5"] == model.item_bias[5]
    assert list(vectors.to_pandas().columns) == ["user", "0", "1", "2"]
    assert polars.DataFrame(vectors).shape == (len(vectors), 4)
    assert repr(vectors) == f"<user_vectors of {N_USERS} users: ({N_USERS}, 3), float32>"
    with pytest.raises(UnknownId):
        vectors["x"]


def test_parameters_of_a_square_of_users_and_items_keep_their_sides() -> None:
    square = factors(Ratings.of(["a", "b"], ["x", "y"], [1.0, 2.0]))
    assert square.parameters["user_bias"].ids.tolist() == ["a", "b"]
    assert square.parameters["item_bias"].ids.tolist() == ["x", "y"]
