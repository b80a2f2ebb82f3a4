"""Features of users and items: what a table becomes, where it is read from, and that it is kept."""

import hashlib
import json
import math
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cofactor.data.datasets.published_splits import movielens_split
from cofactor.data.feature_encoding_file import FILE, read_encodings, write_encodings
from cofactor.data.features import ColumnEncoding, Features, cell_text, infer_encoding
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read, with_features
from cofactor.data.splitting.split import folds, given_split, load_split, save_split, split
from cofactor.errors import BadArtifact, BadData
from cofactor.saved.model_folder import load, save
from tests.conftest import Run
from tests.test_model_folder import mapped, rewrite
from tests.toys import factors, noise

PEOPLE = {
    "user_id": [str(n) for n in range(30)],
    "age": [18 + n * 7 % 40 for n in range(30)],
    "job": [["student", "artist", "none"][n % 3] for n in range(30)],
    "likes": [["Comedy|Drama", "Drama", "", "Comedy|Drama|War"][n % 4] for n in range(30)],
}
LINES = [",".join(map(str, row)) for row in zip(*PEOPLE.values(), strict=True)]


def featured() -> Ratings:
    """Toy ratings with features of users and items."""
    return with_features(noise(), PEOPLE, {"item": [str(n) for n in range(20)], "kind": ["x", "y"] * 10})


def same(one: Features | None, other: Features | None) -> bool:
    return (
        one is not None
        and other is not None
        and one.encoding == other.encoding
        and np.array_equal(one.names, other.names)
        and np.array_equal(one.matrix.toarray(), other.matrix.toarray())
    )


# --- what a table becomes


text = st.sampled_from(["a", "b", "c", "d", "é|x"])
cells = st.lists(st.one_of(st.none(), text, st.sets(text, min_size=1).map("|".join)), min_size=1, max_size=30)


@given(cells)
def test_a_row_of_sets_has_length_one_and_the_values_it_names(column: list[str | None]) -> None:
    features = Features.from_table({"g": column}, {"g": "set"})
    times = [value for cell in column if cell for value in set(cell.split("|"))]
    if features is None:
        assert sum(n for n in map(times.count, set(times)) if n > 1) < max(1, 0.1 * len(times))
        return
    assert features.names.tolist() == [f"g={value}" for value in sorted(set(times))]
    for cell, row in zip(column, features.matrix.toarray(), strict=True):
        named = set(cell.split("|")) if cell else set()
        twin = {f"g={value}": 1 / math.sqrt(len(named)) for value in named}
        assert {name: x for name, x in zip(features.names, row, strict=True) if x} == pytest.approx(twin)


@given(st.lists(st.integers(-50, 2100), min_size=3, max_size=200))
def test_each_number_is_in_the_interval_that_its_feature_names(numbers: list[int]) -> None:
    column = infer_encoding("x", [str(number) for number in numbers], "number")
    if column is None:
        assert len(set(numbers)) == 1
        return
    assert len(column) == len(set(numbers)) if len(set(numbers)) <= 10 else 2 <= len(column) <= 10
    assert len(set(column.names)) == len(column)
    matrix = column.matrix([str(number) for number in numbers])
    np.testing.assert_array_equal(matrix.sum(axis=1), 1)
    for number, place in zip(numbers, matrix.indices, strict=True):
        lower, upper = [-math.inf, *column.edges][place], [*column.edges, math.inf][place]
        assert lower <= number < upper


def test_intervals_hold_about_as_many_rows_each_and_say_what_they_are() -> None:
    column = infer_encoding("n", [str(number) for number in range(1000)])
    assert column is not None
    assert column.names[:2] + column.names[-1:] == ["n<100", "n=100-199", "n>=900"]
    counts = column.matrix([str(number) for number in range(1000)]).sum(axis=0)
    np.testing.assert_array_equal(counts, 100)
    assert ColumnEncoding("x", "number", edges=(-1.5, 0.25)).names == ["x<-1.5", "x=[-1.5,0.25)", "x>=0.25"]
    assert ColumnEncoding("year", "number", edges=(1995.0, 1996.0, 1998.0)).names[1:3] == [
        "year=1995",
        "year=1996-1997",
    ]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["0", "1", "1"], "category"),  # a flag
        (["0", "1", "2", "2"], "number"),
        (["0", "1", "2", "x", "x"], "category"),
        (["a", "a|b"], "set"),
        (["1", "2", "3", None], "number"),
        (["1e400", "1", "2", "2", "2"], "category"),  # no finite number
        (["Toy Story", "Heat", "Fargo"], None),
        ([f"title {n}" for n in range(99)] + ["title 0"], None),
        ([None, None], None),
        (["nan", "nan"], "category"),
    ],
)
def test_what_a_column_is_taken_for(cells: list[str | None], kind: str | None) -> None:
    column = infer_encoding("c", cells)
    assert (column and column.kind) == kind


def test_of_very_many_values_the_commonest_are_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cofactor.data.features.MAX_VALUES", 2)
    column = infer_encoding("c", [*"aabbbccd", "b"])
    assert column is not None
    assert column.values == ("a", "b")  # of "a" and "c", as common, the first


def test_a_new_row_is_encoded_as_those_of_the_table() -> None:
    features = with_features(noise(), PEOPLE).user_features
    assert features is not None
    for n in range(30):
        row = {"age": PEOPLE["age"][n], "job": PEOPLE["job"][n], "likes": PEOPLE["likes"][n].split("|")}
        np.testing.assert_array_equal(features.encode(row).toarray()[0], features.matrix.toarray()[n])
        assert features.unknown_values(row) == []
    assert features.encode({}).nnz == 0
    assert features.encode({"age": float("nan"), "job": None, "likes": ""}).nnz == 0
    odd = {"age": "old", "job": "pilot", "likes": "Drama|Noir"}
    assert features.unknown_values(odd) == ["age=old", "job=pilot", "likes=Noir"]
    assert features.names[features.encode(odd).indices].tolist() == ["likes=Drama"]
    with pytest.raises(BadData, match="'jobs'") as caught:
        features.encode({"jobs": "student"})
    assert caught.value.hint == "did you mean job?"


def test_features_of_a_matrix_have_names_and_no_recipe() -> None:
    embedded = Features(np.array(["a", "b"], dtype=object), csr_array(np.array([[0.5, 0], [2, -1]])))
    assert embedded.matrix.dtype == np.float32
    with pytest.raises(BadData, match="of a matrix"):
        embedded.encode({"a": 1})
    with pytest.raises(BadData, match="3 names for 2"):
        Features(np.array(["a", "b", "c"], dtype=object), embedded.matrix)
    with pytest.raises(BadData, match="finite"):
        Features(embedded.names, csr_array(np.array([[np.nan, 1]])))


@given(st.lists(st.integers(-1, 3), max_size=9))
def test_rows_are_taken_in_any_order_and_an_unknown_one_is_empty(rows: list[int]) -> None:
    matrix = np.array([[1, 0, 2], [0, 0, 0], [0, 3, 0], [4, 5, 6]], dtype=np.float32)
    features = Features(np.array(list("abc"), dtype=object), csr_array(matrix))
    twin = np.vstack([np.zeros((0, 3)), *(matrix[row] if row >= 0 else np.zeros(3) for row in rows)])
    np.testing.assert_array_equal(features.take(np.array(rows, dtype=np.int32)).matrix.toarray(), twin)


# --- kept


def test_parts_and_models_keep_them() -> None:
    ratings = featured()
    assert ratings.user_features is not None
    parts = split(ratings).parts.values()
    some = ratings.where(ratings.value > 2), *parts, *next(folds(ratings, 3)).parts.values(), ratings.training_data
    for one in some:
        assert one.user_features is ratings.user_features
        assert one.item_features is ratings.item_features
    with pytest.raises(BadData, match="features of 29 users for 30"):
        replace(ratings, user_features=ratings.user_features.take(np.arange(29)))


def test_a_given_split_unites_them() -> None:
    table = {"user": [*"abcd"], "sex": ["f", "m", "f", "m"]}
    train = with_features(Ratings.of([*"aabb"], [*"1223"], [1, 2, 3, 4]), table)
    test = with_features(Ratings.of([*"acd"], [*"311"], [1, 2, 3]), table)
    whole = given_split(train, test, validation=0.25).train
    assert whole.user_features is not None
    assert whole.user_features.matrix.toarray().tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert whole.item_features is None
    plain = replace(train, user_features=None)
    late = given_split(plain, test, validation=0.25).train.user_features
    assert late is not None
    assert late.matrix.toarray().tolist() == [[1, 0], [0, 0], [1, 0], [0, 1]]  # of b only train knew
    other = with_features(test, {"user": [*"acd"], "sex": ["x", "x", "x"]})
    apart = given_split(train, other, validation=0.25).train.user_features
    assert apart is not None
    assert apart.matrix.toarray().tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]  # another recipe


def test_a_saved_model_keeps_them(tmp_path: Path) -> None:
    ratings = featured()
    save(factors(ratings), tmp_path / "m")
    training_data = load(tmp_path / "m").training_data
    assert same(training_data.user_features, ratings.user_features)
    assert same(training_data.item_features, ratings.item_features)
    assert training_data.user_features is not None
    assert mapped(training_data.user_features.matrix.data)
    assert training_data.user_features.encode({"age": 20}).nnz == 1
    save(factors(replace(ratings, user_features=None)), tmp_path / "m")
    assert load(tmp_path / "m").training_data.user_features is None
    save(factors(replace(ratings, user_features=None, item_features=None)), tmp_path / "m")
    assert not (tmp_path / "m" / FILE).exists()
    assert load(tmp_path / "m").training_data.item_features is None


def test_a_saved_split_keeps_them(tmp_path: Path) -> None:
    made = split(featured())
    save_split(made, tmp_path / "s")
    again = load_split(tmp_path / "s")
    assert again.train.origin == made.train.origin
    for part in again.parts.values():
        assert same(part.user_features, made.train.user_features)
        assert same(part.item_features, made.train.item_features)


def test_features_without_a_recipe_are_kept_too(tmp_path: Path) -> None:
    named = Features(np.array(["a", "b"], dtype=object), csr_array(np.arange(40).reshape(20, 2)))
    ratings = replace(noise(), item_features=named)
    save(factors(ratings), tmp_path / "m")
    save_split(split(ratings), tmp_path / "s")
    assert same(load(tmp_path / "m").training_data.item_features, named)
    assert same(load_split(tmp_path / "s").test.item_features, named)


DAMAGE = {
    "DELETE FROM t WHERE name = 'job=none'": "not a matrix of 30",
    "UPDATE t SET name = 'job=nobody' WHERE name = 'job=none'": "not those of their encoding",
    "UPDATE t SET name = NULL WHERE name = 'job=none'": "without a name",
    "UPDATE t SET of = 'users' WHERE of = 'user'": "unknown place",
    "UPDATE t SET kind = 'pickle' WHERE kind = 'category'": "'job' in an unknown way",
    "UPDATE t SET edge = 3 WHERE name = 'job=none'": "'job' in an unknown way",
    "UPDATE t SET value = NULL WHERE name = 'job=none'": "'job' in an unknown way",
    "UPDATE t SET value = 'student' WHERE name = 'job=none'": "'job' of features has impossible values",
    "UPDATE t SET edge = 'nan' WHERE edge > 0": "'age' of features has impossible values",
    "UPDATE t SET edge = 40 WHERE edge > 0": "'age' of features has impossible values",
    "ALTER TABLE t ADD COLUMN more INTEGER": "has the columns",
    "ALTER TABLE t ALTER edge TYPE VARCHAR": "has the columns",
}


@pytest.mark.parametrize("change", DAMAGE)
def test_a_recipe_that_cannot_be_is_refused(change: str, tmp_path: Path) -> None:
    save(factors(featured()), tmp_path / "m")
    file = tmp_path / "m" / FILE
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{file}'")
        connection.execute(change)
        connection.execute(f"COPY t TO '{file}' (FORMAT parquet)")
    with pytest.raises(BadArtifact, match=r"bytes long|digest"):
        load(tmp_path / "m")
    rewrite(tmp_path / "m", lambda content: None)
    with pytest.raises(BadArtifact) as caught:
        load(tmp_path / "m")
    assert DAMAGE[change] in caught.value.message
    assert "\n" not in caught.value.message


def test_a_recipe_with_no_matrix_and_a_matrix_with_no_recipe_are_refused(tmp_path: Path) -> None:
    ratings = featured()
    save(factors(ratings), tmp_path / "both")
    save(factors(replace(ratings, user_features=None, item_features=None)), tmp_path / "none")
    (tmp_path / "both" / FILE).rename(tmp_path / "none" / FILE)
    with pytest.raises(BadArtifact, match=r"unknown file 'features\.parquet'"):
        load(tmp_path / "none")
    with pytest.raises(BadArtifact, match="is missing"):
        load(tmp_path / "both")
    data = (tmp_path / "none" / FILE).read_bytes()
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    rewrite(tmp_path / "none", lambda content: content["files"].update({FILE: entry}))
    with pytest.raises(BadArtifact, match=r"features\.user is incomplete"):
        load(tmp_path / "none")


def test_a_damaged_split_is_refused_and_the_culprit_named(tmp_path: Path) -> None:
    save_split(split(featured()), tmp_path / "s")
    for name in ("features.parquet", "user.features.parquet", "item.features.parquet"):
        broken = Path(shutil.copytree(tmp_path / "s", tmp_path / "broken"))
        (broken / name).write_bytes((broken / name).read_bytes()[:-1])
        with pytest.raises(BadArtifact, match=name):
            load_split(broken)
        (broken / name).unlink()
        with pytest.raises(BadArtifact, match=name):
            load_split(broken)
        shutil.rmtree(broken)


def test_a_recipe_comes_back_bit_by_bit(tmp_path: Path) -> None:
    odd = ColumnEncoding("x", "number", edges=(0.1, 1 / 3, 1e300))
    features = Features.from_table({"x": ["0.1", "0.2", "5"], "ü|,": ["é", "é", "\N{SNOWMAN}"]})
    assert features is not None
    assert features.encoding is not None
    encoding = replace(features.encoding, columns=(odd, *features.encoding.columns[1:]))
    write_encodings(tmp_path / "r", {"item": Features(encoding.names, csr_array((2, len(encoding.names))), encoding)})
    assert read_encodings(tmp_path / "r")["item"][1] == encoding


# --- read


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.fixture
def ratings_file(tmp_path: Path) -> Path:
    return written(tmp_path / "r.csv", "user,item,rating\n" + "".join(f"{n % 10},{n},{n % 5}\n" for n in range(20)))


def test_every_kind_of_table_reads_the_same(ratings_file: Path, tmp_path: Path) -> None:
    header = ",".join(PEOPLE)
    typed = {**PEOPLE, "user_id": list(map(int, PEOPLE["user_id"])), "age": [float(age) for age in PEOPLE["age"]]}
    lists = {**typed, "likes": [one.split("|") if one else None for one in typed["likes"]]}
    pl.DataFrame(lists).write_parquet(tmp_path / "typed.parquet")
    sources = [
        written(tmp_path / "u.csv", "\n".join([header, *LINES])),
        str(written(tmp_path / "u.tsv", "\r\n\r\n" + "\r\n".join([header, *LINES]).replace(",", "\t"))),
        written(
            tmp_path / "q.csv", "\ufeff" + "\n".join([header, *(f'"{line}"'.replace(",", '","') for line in LINES)])
        ),
        written(tmp_path / "shuffled.csv", "\n".join([header, *LINES[::-1]])),
        tmp_path / "typed.parquet",
        pd.DataFrame(typed),
        pl.DataFrame(lists),
        pl.DataFrame(typed).to_arrow(),
        {**typed, "age": np.array(typed["age"])},
    ]
    found = [read(ratings_file, user_features=source).user_features for source in sources]
    first = found[0]
    assert first is not None
    assert {name.partition("=")[0].partition("<")[0] for name in first.names} >= {"age", "job", "likes"}
    assert first.matrix.toarray()[2] @ (first.names == "likes=Drama") == 0
    assert all(same(first, other) for other in found)


def test_types_after_a_name_and_titles(ratings_file: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{n}\t0{n % 3}1\t{n % 2}\tdark blue\tFilm {n % 5} ({1990 + n})" for n in range(20))
    header = "item_id:token\tzip:token\tsize:float\twords:token_seq\ttitle:token_seq"
    table = written(tmp_path / "i.tsv", f"{header}\n{rows}")
    ratings = read(ratings_file, item_features=table)
    assert ratings.item_features is not None
    names = ratings.item_features.names.tolist()
    assert names[:7] == ["zip=001", "zip=011", "zip=021", "size<1", "size>=1", "words=blue", "words=dark"]
    assert names[7].startswith("year<")
    assert "title" not in "".join(names)


def test_what_is_not_used_is_said(ratings_file: Path, tmp_path: Path) -> None:
    rows = "".join(f"{n},{'ab'[n % 2]},person {n}\n" for n in range(5, 100))
    origin = read(ratings_file, user_features=written(tmp_path / "u.csv", "user,group,motto\n" + rows)).origin
    assert origin is not None
    assert origin.notes == (
        "users of u.csv without a rating: 90",
        "users without a row in u.csv: 5",
        "no features in motto of u.csv: few values occur for two users",
    )


def test_the_column_of_ids_may_be_named_for_both(tmp_path: Path) -> None:
    ratings = written(tmp_path / "r.csv", "who,what,stars\n1,2,3\n2,2,4\n")
    users = written(tmp_path / "u.csv", "user,who,team\n9,1,x\n8,2,x\n")
    named = {"user": "who", "item": "what", "rating": "stars"}
    features = read(ratings, columns=named, user_features=users).user_features
    assert features is not None
    assert "team=x" in features.names


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "is empty", "header"),
        ("name,team\nx,y\n", "no column of user ids among 'name', 'team'", "user_id"),
        ("user,team\n1,x\n2,y\n1,x\n", "user '1' is in rows 1 and 3", "one row for each user"),
        ("user,team\n1,x\n,y\n", "row 2 has no user id", ""),
        ("user\n1\n2\n", "no column but 'user'", ""),
        ("user,team\n1,x\n2\n", "line 3: 1 columns instead of 2", ""),
        ('user,team\n1,"x\n2,y\n', "a quote that is not closed", ""),
        ("user,team,team\n1,x,y\n", "two of one name", ""),
        ("user,team\n1,x\n2,y\n", "no value of team occurs in two rows", ""),
        ("user,team\n91,x\n92,x\n", "none of its 2 users is in the ratings", ""),
        ("user,a:token,a:float\n1,x,1\n2,x,2\n", "two columns are called 'a'", ""),
    ],
)
def test_a_bad_table_is_one_line_with_a_hint(
    text: str, says: str, hint: str, ratings_file: Path, tmp_path: Path
) -> None:
    table = written(tmp_path / "u.csv", text)
    with pytest.raises(BadData) as caught:
        read(ratings_file, user_features=table)
    assert caught.value.message.startswith(f"{table}: ")
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert hint in caught.value.hint


def test_other_encodings_and_missing_files(ratings_file: Path, tmp_path: Path) -> None:
    for encoding, says in (("latin-1", "not UTF-8"), ("utf-16", "written in UTF-16")):
        (tmp_path / "u.csv").write_bytes("user,team\n1,café\n2,café\n".encode(encoding))
        with pytest.raises(BadData, match=says) as caught:
            read(ratings_file, user_features=tmp_path / "u.csv")
        assert "iconv" in caught.value.hint
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(BadData, match=str(path)):
            read(ratings_file, item_features=path)
    (tmp_path / "u.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadData, match="cannot be read"):
        read(ratings_file, item_features=tmp_path / "u.parquet")


def test_movielens_brings_its_own(real_data: Path, tmp_path: Path) -> None:
    small = read(real_data / "ml-100k")
    users, items = small.user_features, small.item_features
    assert users is not None
    assert items is not None
    toy_story = items.names[items.matrix[[small.items.row("1")]].indices].tolist()
    assert toy_story == ["year=1995", "genres=Animation", "genres=Children's", "genres=Comedy"]
    assert np.square(items.matrix[[small.items.row("1")]].data).sum() == pytest.approx(2)
    assert users.names[users.matrix[[small.users.row("1")]].indices].tolist() == [
        *("age=23-25", "gender=M", "occupation=technician", "region=8")
    ]
    np.testing.assert_array_equal(np.diff(users.matrix.indptr), 4)
    assert same(read(real_data / "ml-100k" / "u1.base").user_features, users)
    assert same(movielens_split(real_data / "ml-100k", "u1").test.item_features, items)
    zipped = zipfile.ZipFile(tmp_path / "ml.zip", "w")
    with zipped:
        for name in ("u.data", "u.user", "u.item", "u.genre"):
            zipped.write(real_data / "ml-100k" / name, f"ml-100k/{name}")
    assert same(read(tmp_path / "ml.zip").user_features, users)


def test_movielens_1m_brings_its_own(real_data: Path) -> None:
    ratings = read(real_data / "ml-1m")
    users, items = ratings.user_features, ratings.item_features
    assert users is not None
    assert items is not None
    assert users.names[:9].tolist() == [
        *("gender=F", "gender=M", "age<18", "age=18-24", "age=25-34", "age=35-44", "age=45-49", "age=50-55", "age>=56")
    ]
    per_age = users.matrix.sum(axis=0)[2:9]
    np.testing.assert_array_equal(per_age, [222, 1103, 2096, 1193, 550, 496, 380])  # as its README's groups count
    np.testing.assert_array_equal(items.matrix.power(2).sum(axis=1).round(4), 2)  # a year and genres for every movie
    assert users.names[9:12].tolist() == ["occupation=0", "occupation=1", "occupation=2"]


def test_a_line_of_users_that_is_none_is_named(tmp_path: Path) -> None:
    written(tmp_path / "u.data", "1\t2\t3\t4\n")
    written(tmp_path / "u.user", "1|24|M|writer|85711\n2|24|M\n")
    origin = read(tmp_path).origin
    assert origin is not None
    assert origin.notes == ("no features of users are read from u.user: line 2: 3 columns instead of 5",)


def test_a_long_header_is_cut_off_in_the_message(ratings_file: Path, tmp_path: Path) -> None:
    names = ",".join(f"column-{n:03}" for n in range(40))
    with pytest.raises(BadData) as caught:
        read(ratings_file, user_features=written(tmp_path / "u.csv", f"user,{names},column-000\n1\n"))
    assert caught.value.message.partition("header: ")[2] == f"user, {names.replace(',', ', ')}"[:200]


# --- the command line


def test_commands_take_tables(run: Run, ratings_file: Path, tmp_path: Path) -> None:
    written(tmp_path / "u.csv", "user,team\n" + "".join(f"{n},{'xy'[n % 2]}\n" for n in range(12)))
    written(tmp_path / "i.csv", "item,year\n" + "".join(f"{n},{1990 + n}\n" for n in range(20)))
    given = ("--user-features", "u.csv", "--item-features", "i.csv")
    done = run("split", "r.csv", *given, "-o", "s", "--json")
    assert done.exit_code == 0, done.stderr
    assert "2 features of users; 10 features of items; " in done.stderr
    assert "; users of u.csv without a rating: 2" in done.stderr
    assert json.loads(done.stdout)["splits"][0]["read"]["notes"] == ["users of u.csv without a rating: 2"]
    assert run("train", "popularity", "s").exit_code == 0
    training_data = load(tmp_path / "models" / "popularity").training_data
    assert training_data.user_features is not None
    assert training_data.user_features.names.tolist() == ["team=x", "team=y"]
    done = run("train", "popularity", "r.csv", "--test-share", "0.5", *given)
    assert "evaluate models/popularity --user-features=u.csv --item-features=i.csv r.csv" in done.stderr
    assert run("evaluate", "models/popularity", "r.csv", *given).exit_code == 0
    refused = run("train", "popularity", "s", *given)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: s is already split")
    missing = run("split", "r.csv", "--user-features", "none.csv")
    assert missing.exit_code == 2
    assert missing.stderr.startswith("error: none.csv: No such file")


def test_a_column_of_two_numbers_holds_categories_and_one_of_three_numbers() -> None:
    assert infer_encoding("x", ["0", "1", "0", "1"]).kind == "category"
    assert infer_encoding("x", ["0", "1", "2", "1"]).kind == "number"


def test_text_of_which_a_tenth_is_shared_is_of_use() -> None:
    once = [f"only {n}" for n in range(18)]
    assert infer_encoding("x", ["a", "a", *once]) is not None  # 2 of 20 values occur in two rows
    assert infer_encoding("x", ["a", "a", *once, "one more"]) is None


def test_of_values_as_frequent_as_one_another_the_first_in_order_are_features(monkeypatch) -> None:
    monkeypatch.setattr("cofactor.data.features.MAX_VALUES", 2)
    assert infer_encoding("x", [*"ccbbaa"], "category").values == ("a", "b")


def test_the_first_row_can_be_taken_and_a_missing_one_has_no_features() -> None:
    features = Features.from_table({"x": ["a", "b", "a", "b"]}, {"x": "category"})
    assert features.take(np.array([0, -1, 1])).matrix.toarray().tolist() == [[1, 0], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (-2.0, "-2"),
        (2.5, "2.5"),
        (1e15, "1000000000000000.0"),
        (999999999999999.0, "999999999999999"),
        (math.nan, None),
    ],
)
def test_a_whole_float_is_written_as_an_integer(value, text) -> None:
    assert cell_text(value) == text
    assert cell_text(np.float64(value)) == text
