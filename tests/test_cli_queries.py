"""Commands that ask a saved model: recommend, similar, explain, predict."""

import csv
import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.models.base import Model
from cofactor.models.posterior import PosteriorModel
from cofactor.saved.model_folder import load, save
from tests.conftest import Run
from tests.toys import posterior


@pytest.fixture(scope="module")
def model(saved: Path) -> Model:
    return load(saved / "baseline")


def test_a_list_is_that_of_the_model(saved: Path, model: Model, run: Run) -> None:
    done = run("recommend", saved / "baseline", "7", "-n", "4", "--why", "1", "--json")
    listed = model.recommend("7", 4, why=1)
    document = json.loads(done.stdout)
    assert document["user"] == "7"
    assert [one["item"] for one in document["items"]] == [one.item for one in listed]
    assert document["items"][0]["title"] == listed[0].title
    assert done.stderr == ""


def test_a_list_as_text_has_titles_genres_and_scores(saved: Path, model: Model, run: Run) -> None:
    lines = run("recommend", saved / "baseline", "7", "-n", "3").stdout.splitlines()
    assert lines[0].split() == ["item", "title", "genres", "score"]
    for line, one in zip(lines[1:], model.recommend("7", 3), strict=True):
        assert one.title in line
        assert line.endswith(f"{one.score:.2f}")


def test_filters_are_those_of_python(saved: Path, run: Run) -> None:
    model = load(saved / "baseline")
    genre = next(one for one in model.training_data.genres if one).partition("|")[0]
    first, second = (one.item for one in model.recommend("7", 2))
    for options, filters in (
        (["--genre", genre, "--deny", first], {"genre": genre, "deny": [first]}),
        (
            ["--without-genre", genre, "--year-from", "1970", "--year-to", "1999"],
            {"without_genre": genre, "year_from": 1970, "year_to": 1999},
        ),
        (["--candidate", first, "--candidate", second], {"candidates": [first, second]}),
        (["--diversity", "0.5"], {"diversity": 0.5}),
    ):
        done = run("recommend", saved / "baseline", "7", "-n", "5", "--json", *options)
        listed = model.recommend("7", 5, **filters)
        assert [one["item"] for one in json.loads(done.stdout)["items"]] == [one.item for one in listed]
        assert listed != model.recommend("7", 5)
    done = run("recommend", saved / "baseline", "--rated", "5=5", "--deny", first, "--json")
    assert first not in {one["item"] for one in json.loads(done.stdout)["items"]}


def test_seen_items_are_left_out_unless_asked_for(saved: Path, movies: Ratings, run: Run) -> None:
    def items(*more: str) -> set[str]:
        done = run("recommend", saved / "baseline", "7", "-n", "120", "--json", *more)
        return {one["item"] for one in json.loads(done.stdout)["items"]}

    seen = {str(movies.items.ids[i]) for i in movies.item[movies.user == movies.users.row("7")]}
    assert not items() & seen
    assert items("--include-seen") >= seen


def test_a_list_for_a_new_user_is_folded_in(saved: Path, model: Model, run: Run) -> None:
    done = run("recommend", saved / "baseline", "--rated", "5=5", "--rated", "9=0.5", "-n", "3", "--json")
    listed = model.recommend_for_ratings({"5": 5.0, "9": 0.5}, 3)
    assert [one["item"] for one in json.loads(done.stdout)["items"]] == [one.item for one in listed]


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["recommend", "baseline", "3000"], "unknown user '3000'", "did you mean 300"),
        (["similar", "baseline", "1200"], "unknown item '1200'", "did you mean 120"),
        (["explain", "baseline", "1", "1200"], "unknown item '1200'", "did you mean 120"),
        (["recommend", "nowhere", "1"], "is not a saved model", ""),
        (["recommend", "baseline", "--rated", "5"], "'5' is not ITEM=RATING", ""),
        (["recommend", "baseline", "--rated", "5=9"], "is 9.0", "from 0.5 to 5"),
        (["recommend", "baseline", "1", "--all", "-o", "x.parquet"], "one of USER, --rated or --all", ""),
        (["recommend", "baseline", "--all"], "--all needs --out", ""),
        (["recommend", "baseline", "--all", "-o", "x.parquet", "--why", "1"], "--why is for one list", ""),
        (["recommend", "baseline", "--all", "-o", "x.parquet", "--deny", "1"], "filters are for one list", ""),
        (["recommend", "baseline", "7", "--candidate", "x"], "unknown item 'x'", ""),
        (["recommend", "baseline", "--rated", "5=4", "--include-seen"], "--include-seen is for", ""),
        (["recommend", "baseline", "--rated", "5=4", "--rated", "5=3"], "item '5' is rated twice", ""),
        (["recommend", "baseline", "--all", "-o", "top.xlsx"], "cannot write top.xlsx", ".parquet"),
    ],
)
def test_bad_questions(arguments: list[str], said: str, hint: str, saved: Path, run: Run) -> None:
    command, model, *rest = arguments
    done = run(command, saved / model, *rest)
    assert done.exit_code == 2
    assert done.stdout == ""
    first, blank, last = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert blank == ""
    assert last.startswith("hint: ")
    assert hint in last


def test_lists_of_all_users_are_those_of_each(saved: Path, model: Model, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new" / "top.parquet"
    done = run("recommend", saved / "baseline", "--all", "-n", "100", "-o", out, "--json")
    rows = duckdb.sql(f"SELECT \"user\", item, rank, title FROM '{out}'").fetchall()
    assert json.loads(done.stdout)["rows"] == len(rows)
    assert rows == [
        (user, one.item, place, one.title)
        for user in model.training_data.users.ids
        for place, one in enumerate(model.recommend(user, 100), 1)
    ]
    assert len(rows) == 90 * len(model.training_data.users)  # 30 of 120 items are seen: lists end, nothing is padded


def test_similar_items(saved: Path, model: Model, run: Run) -> None:
    done = run("similar", saved / "baseline", "5", "-n", "3", "--json")
    assert [one["item"] for one in json.loads(done.stdout)["items"]] == [o.item for o in model.similar_items("5", 3)]
    assert len(run("similar", saved / "baseline", "5", "-n", "3").stdout.splitlines()) == 4


def test_an_explanation_names_the_user_s_own_ratings(saved: Path, model: Model, run: Run) -> None:
    item = model.recommend("7", 1)[0].item
    done = run("explain", saved / "baseline", "7", item, "-n", "2", "--json")
    document = json.loads(done.stdout)
    assert [one["item"] for one in document["because"]] == [one.item for one in model.explain("7", item, 2)]
    assert document["score"] == pytest.approx(model.recommend("7", 1)[0].score)
    assert document["title"] in run("explain", saved / "baseline", "7", item).stdout


def pairs(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_predictions_are_those_of_the_model_in_the_order_of_the_file(
    saved: Path, model: Model, run: Run, tmp_path: Path
) -> None:
    file = pairs(tmp_path / "pairs.csv", "userId,movieId\n7,5\n3,119\n7,5\n299,1\n")
    rows = list(csv.DictReader(run("predict", saved / "baseline", file).stdout.splitlines()))
    expected = model.predict_rows(
        model.training_data.users.rows(["7", "3", "7", "299"]), model.training_data.items.rows(["5", "119", "5", "1"])
    )
    assert [(row["user"], row["item"]) for row in rows] == [("7", "5"), ("3", "119"), ("7", "5"), ("299", "1")]
    assert np.array([float(row["prediction"]) for row in rows]) == pytest.approx(expected, abs=1e-4)
    assert {row["fallback"] for row in rows} == {""}


def test_unknown_users_and_items_are_predicted_by_fallback_and_say_so(
    saved: Path, model: Model, run: Run, tmp_path: Path
) -> None:
    file = pairs(tmp_path / "pairs.tsv", "user\titem\nnobody\t5\n7\tnothing\nnobody\tnothing\n")
    done = run("predict", saved / "baseline", file, "--json")
    rows = json.loads(done.stdout)["predictions"]
    assert [row["fallback"] for row in rows] == ["user", "item", "user+item"]
    arrays = model.arrays()
    mean, item_bias = float(arrays["mean"]), arrays["item_bias"][model.training_data.items.row("5")]
    user_bias = arrays["user_bias"][model.training_data.users.row("7")]
    expected = [mean + item_bias, mean + user_bias, mean]
    assert [row["prediction"] for row in rows] == pytest.approx(expected, abs=1e-4)


def test_whole_floats_among_pairs_are_the_integers_that_a_model_knows(saved: Path, run: Run, tmp_path: Path) -> None:
    wanted = run("predict", saved / "baseline", pairs(tmp_path / "p.csv", "user,item\n7,5\n3,119\n")).stdout
    assert run("predict", saved / "baseline", pairs(tmp_path / "f.csv", "user,item\n7.0,5\n3.0,119\n")).stdout == wanted
    mixed = run("predict", saved / "baseline", pairs(tmp_path / "m.csv", "user,item\n7.0,5\n3,119\n")).stdout
    assert [line.split(",")[3] for line in mixed.splitlines()] == ["fallback", "user", ""]
    for ids, fallbacks in (("7::DOUBLE", [""]), ("unnest([7, 7.5])", ["user", "user"])):
        duckdb.sql(f"COPY (SELECT {ids}::DOUBLE AS user, 5 AS item) TO '{tmp_path / 'p.parquet'}'")
        found = run("predict", saved / "baseline", tmp_path / "p.parquet", "--json").stdout
        assert [row["fallback"] for row in json.loads(found)["predictions"]] == fallbacks


def test_pairs_from_parquet_with_named_columns_into_a_new_folder(saved: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    duckdb.sql(f"COPY (SELECT 7 AS who, 5 AS what) TO '{file}' (FORMAT parquet)")
    out = tmp_path / "new" / "out.csv"
    named = ("--column", "user=who", "--column", "item=what")
    done = run("predict", saved / "baseline", file, *named, "-o", out, "--json")
    assert json.loads(done.stdout) == {"file": str(out), "pairs": 1, "fallback": 0}
    assert out.read_text().splitlines()[0] == "user,item,prediction,fallback"
    assert out.read_text().splitlines()[1].startswith("7,5,")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("who,item\n1,2\n", "no column for the user among who, item"),
        ("user,item\n1,5\n2,\n", "pairs.csv: line 3: no item id"),
        ("user,item\n1,5\n\n,5\n", "pairs.csv: line 4: no user id"),
        ("user,item\n1,5\n2\n", "pairs.csv: line 3: no item id"),
        ("", "pairs.csv: the file is empty"),
        ("user,item\n\udce91,5\n", "pairs.csv: not UTF-8 text"),
    ],
)
def test_bad_pairs(text: str, said: str, saved: Path, run: Run, tmp_path: Path) -> None:
    file, out = tmp_path / "pairs.csv", tmp_path / "out.csv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    out.write_text("yesterday's")
    for more in ([], ["-o", out]):
        done = run("predict", saved / "baseline", file, *more)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert said in done.stderr.splitlines()[0]
        assert "hint: " in done.stderr
    assert out.read_text() == "yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "pairs.csv"]


def test_ids_of_pairs_are_read_as_those_of_ratings(saved: Path, run: Run, tmp_path: Path) -> None:
    file = pairs(tmp_path / "p.csv", '\ufeffCustomerID;note;"movieId"\r\n 7 ;"a\nb";5\r\n')
    table = tmp_path / "p.parquet"
    duckdb.sql(f"COPY (SELECT 7.0::DOUBLE AS user_id, 5.0::DOUBLE AS item_id) TO '{table}' (FORMAT parquet)")
    for one in (file, table):
        (row,) = json.loads(run("predict", saved / "baseline", one, "--json").stdout)["predictions"]
        assert (row["user"], row["item"], row["fallback"]) == ("7", "5", "")


def test_a_missing_pairs_file(saved: Path, run: Run, tmp_path: Path) -> None:
    done = run("predict", saved / "baseline", tmp_path / "pairs.csv")
    assert done.exit_code == 2
    assert "no such file" in done.stderr


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model that knows days and deviations."""
    folder = tmp_path_factory.mktemp("dated") / "model"
    save(posterior(), folder)
    return folder


TIMES = ("360000", "1970-01-05", "1970-01-05T04:00:00+00:00", "345600.5", "")


def test_a_model_of_draws_predicts_at_the_time_and_tells_the_deviation(dated: Path, run: Run, tmp_path: Path) -> None:
    model = load(dated)
    assert isinstance(model, PosteriorModel)
    file = pairs(tmp_path / "p.csv", "user,item,timestamp\n" + "".join(f"3,5,{time}\n" for time in TIMES))
    table = tmp_path / "p.parquet"
    duckdb.sql(f"COPY (SELECT 3 AS user, 5 AS item, make_timestamp(unnest([345600000000, NULL])) AS time) TO '{table}'")
    user, item = np.array([3, 3]), np.array([5, 5])
    at_a_time = np.array([4 * 86400, -1])  # the second is no day that the model knows
    expected, deviation = model.predict_rows(user, item, at_a_time), model.deviation_rows(user, item, at_a_time)
    assert abs(expected[0] - expected[1]) > 0.1
    for one, which in ((file, [0, 0, 0, 0, 1]), (table, [0, 1])):
        rows = list(csv.DictReader(run("predict", dated, one).stdout.splitlines()))
        assert list(rows[0]) == ["user", "item", "prediction", "deviation", "fallback"]
        assert [float(row["prediction"]) for row in rows] == pytest.approx(expected[which], abs=1e-4)
        assert [float(row["deviation"]) for row in rows] == pytest.approx(deviation[which], abs=1e-4)
        rows = json.loads(run("predict", dated, one, "--column", "time=", "--json").stdout)["predictions"]
        assert [row["prediction"] for row in rows] == pytest.approx([expected[1]] * len(which), abs=1e-4)
        assert [row["deviation"] for row in rows] == pytest.approx([deviation[1]] * len(which), abs=1e-4)


def test_a_pair_the_model_does_not_know_has_a_deviation(dated: Path, run: Run, tmp_path: Path) -> None:
    file = pairs(tmp_path / "p.csv", "user,item\nnobody,5\n29,5\n3,nothing\n3,19\n")
    rows = json.loads(run("predict", dated, file, "--json").stdout)["predictions"]
    assert [row["fallback"] for row in rows] == ["user", "user", "item", "item"]
    for unknown, cold in (rows[:2], rows[2:]):
        for name in ("prediction", "deviation"):
            assert unknown[name] == pytest.approx(cold[name], abs=1e-5)


def test_a_time_that_is_none(dated: Path, saved: Path, run: Run, tmp_path: Path) -> None:
    for time in ("yesterday", "12/24/2019", "9" * 30, "1500000000123"):
        file = pairs(tmp_path / "p.csv", f"user,item,date\n3,5,0\n3,6,{time}\n")
        done = run("predict", dated, file)
        assert done.exit_code == 2
        assert f"p.csv: line 3: {time!r} is not a time" in done.stderr
        assert "--column time=" in done.stderr
        assert run("predict", saved / "baseline", file).exit_code == 0, "it makes no use of times"
