"""Two tables on one pair of vocabularies: ids, scale, step, titles and features of either."""

from dataclasses import replace

import numpy as np

from cofactor.data.align_vocabularies import align, reindex
from cofactor.data.features import Features
from cofactor.data.ratings import Ratings


def names(ratings: Ratings) -> list[tuple[str, str, float]]:
    ids = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    return list(zip(*ids, ratings.value.tolist(), strict=True))


TRAIN = Ratings.of(["10", "2"], ["b", "d"], [1, 3])
TEST = Ratings.of(["1", "10", "1"], ["a", "d", "e"], [2, 5, 4])


def test_both_tables_keep_their_ratings_over_the_ids_of_either() -> None:
    one, other = align(TRAIN, TEST)
    for table, before in ((one, TRAIN), (other, TEST)):
        assert names(table) == names(before)
        assert table.users.ids.tolist() == ["1", "2", "10"]
        assert table.items.ids.tolist() == ["a", "b", "d", "e"]
        assert table.scale == (1, 5)


def test_tables_with_the_same_ids_keep_their_vocabularies() -> None:
    one, other = align(TRAIN, TRAIN)
    assert one.users is TRAIN.users
    assert names(one) == names(other) == names(TRAIN)


def test_the_step_is_that_of_both_tables_together() -> None:
    halves = Ratings.of(["1", "1", "1"], ["a", "b", "c"], [0.5, 1, 1.5])
    wholes = Ratings.of(["1", "1", "1"], ["d", "e", "f"], [1, 2, 3])
    assert (halves.step, wholes.step) == (0.5, 1)
    for pair in ((halves, wholes), (wholes, halves)):
        assert [table.step for table in align(*pair)] == [0.5, 0.5]
    given = replace(wholes, step=0.25)
    assert align(given, given)[0].step == 0.25  # a step that both state is not computed again


def test_titles_of_train_come_first_and_those_of_test_fill_in() -> None:
    titled = replace(TRAIN, titles=np.array(["train b", ""], dtype=object))
    other = replace(TEST, titles=np.array(["test a", "test d", "test e"], dtype=object))
    assert align(titled, other)[0].titles.tolist() == ["test a", "train b", "test d", "test e"]
    same = replace(TRAIN, titles=np.array(["other b", "other d"], dtype=object))
    assert align(titled, same)[1].titles.tolist() == ["train b", "other d"]
    assert align(titled, TEST)[1].titles.tolist() == ["", "train b", "", ""]
    assert align(TRAIN, TEST)[0].titles is None


def test_features_of_train_come_first_also_those_of_its_first_id() -> None:
    kind = Features.from_table({"kind": ["x", "y", "x", "y"]}, {"kind": "category"})
    train = replace(TRAIN, user_features=kind.take(np.array([0, 1])))  # of 2 and 10
    test = replace(TEST, user_features=kind.take(np.array([1, 1])))  # of 1 and 10
    aligned = align(train, test)[0].user_features
    assert aligned.matrix.toarray().tolist() == [[0, 1], [1, 0], [0, 1]]
    # the first row of train has features of its own: those that test has of it are not added
    swapped = align(replace(TEST, user_features=kind.take(np.array([0, 0]))), train)[0].user_features
    assert swapped.matrix.toarray().tolist() == [[1, 0], [1, 0], [1, 0]]


def test_a_part_takes_the_place_of_its_ids_in_the_whole() -> None:
    whole, _ = align(TRAIN, TEST)
    part = reindex(whole, Ratings.of(["10", "1"], ["e", "a"], [2, 2], [7, 8]))
    assert names(part) == [("10", "e", 2.0), ("1", "a", 2.0)]
    assert part.time.tolist() == [7, 8]
    assert part.users is whole.users
