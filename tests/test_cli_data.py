"""What a DATA argument may be, and what is said of one that cannot be read."""

import json
import zipfile
from pathlib import Path

import duckdb
import pytest

from cofactor.cli.options.data_argument import to_shell
from cofactor.data.data_source import DataSource
from cofactor.saved.model_folder import load, load_manifest
from tests.conftest import Run

GOOD = [f"{user},{item},{1 + (user * item) % 5}" for user in range(1, 21) for item in range(1, 16)]


def table(path: Path, *rows: str, header: str = "user,item,rating") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("", "is empty", ""),
        ("user,rating\n1,2\n", "item", "item=NAME"),
        ("user,item,rating\n1,2,3\n1,3,much\n", "line 3", "--bad-rows skip"),
        ("user,item,rating\n1,2,3\n1,3,nan\n", "line 3", "--bad-rows skip"),
        ("user,item,rating\n1,2,3\n1,3,inf\n", "line 3", "--bad-rows skip"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_with_a_hint(
    text: str, said: str, hint: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "ratings.csv").write_text(text)
    done = run("train", "baseline", "ratings.csv")
    assert done.exit_code == 2
    assert done.stdout == ""
    first, blank, last = done.stderr.splitlines()
    assert first.startswith("error: ratings.csv")
    assert said in first
    assert blank == ""
    assert last.startswith("hint: ")
    assert hint in last
    assert not (tmp_path / "models").exists()


def test_bad_rows_are_skipped_on_request_and_written_down(run: Run, tmp_path: Path) -> None:
    table(tmp_path / "ratings.csv", *GOOD, "1,99,much", "2,99,nan", GOOD[0])
    done = run("train", "baseline", "ratings.csv", "--bad-rows", "skip")
    assert done.exit_code == 0
    assert "2 bad rows left out, written to" in done.stderr
    assert "1 earlier ratings of a pair rated again left out" in done.stderr
    assert "much" in (tmp_path / "ratings.rejected.csv").read_text()


def test_columns_are_named_by_their_role(run: Run, tmp_path: Path) -> None:
    table(tmp_path / "sales.csv", *GOOD, header="customer,product,stars")
    named = ("--column", "user=customer", "--columns", "item=product,rating=stars", "--column", "time=")
    assert run("train", "baseline", "sales.csv", *named).exit_code == 0
    assert load_manifest(tmp_path / "models" / "baseline")["notes"]["data"] == "sales.csv"
    assert run("evaluate", "models/baseline", "sales.csv", *named).exit_code == 0


def test_a_file_that_changed_is_not_the_model_s_own(run: Run, tmp_path: Path) -> None:
    table(tmp_path / "ratings.csv", *GOOD)
    assert run("train", "baseline", "ratings.csv", "--quiet").exit_code == 0
    table(tmp_path / "ratings.csv", *GOOD[1:])
    done = run("evaluate", "models/baseline", "ratings.csv")
    assert done.exit_code == 2
    assert "it was trained on split" in done.stderr


def test_parquet_and_zip(run: Run, tmp_path: Path) -> None:
    table(tmp_path / "ratings.csv", *GOOD)
    duckdb.sql(f"COPY (FROM '{tmp_path}/ratings.csv') TO '{tmp_path}/r.parquet' (FORMAT parquet)")
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.write(tmp_path / "ratings.csv", "ratings.csv")
    splits = []
    for name in ("ratings.csv", "r.parquet", "r.zip"):
        assert run("train", "popularity", name, "--quiet").exit_code == 0
        splits.append(load(tmp_path / "models" / "popularity").training_data.split)
    assert len(set(splits)) == 1


@pytest.mark.parametrize(
    ("data", "said", "hint"),
    [
        ("nowhere.csv", "no such data: nowhere.csv", "ml-100k"),
        ("ml-100", "no such data: ml-100", "did you mean ml-100k?"),
        ("ml-100k", "ml-100k is not in", "cofactor fetch ml-100k"),
    ],
)
def test_data_that_is_not_there(data: str, said: str, hint: str, run: Run) -> None:
    for command in (("train", "baseline", data), ("split", data)):
        done = run(*command)
        assert done.exit_code == 2
        assert said in done.stderr.splitlines()[0]
        assert hint in done.stderr.splitlines()[-1]


def test_the_hint_fetches_into_the_folder_that_was_looked_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("split", "ml-1m", "--data-folder", "my data").stderr.endswith(
        "hint: cofactor fetch ml-1m --data-folder 'my data'\n"
    )
    monkeypatch.setenv("COFACTOR_DATA", "elsewhere")
    assert run("split", "ml-1m").stderr.endswith("hint: cofactor fetch ml-1m\n")


def test_fetched_data_goes_by_its_name(real_data: Path, run: Run, tmp_path: Path) -> None:
    done = run("train", "baseline", "ml-100k", "--data-folder", real_data, "--json")
    document = json.loads(done.stdout)
    assert 0.9 < document["metrics"]["rmse"] < 0.96
    listed = json.loads(run("recommend", "models/baseline", "196", "-n", "5", "--json").stdout)["items"]
    assert all(one["title"].endswith(")") and one["genres"] for one in listed)  # as in "Fargo (1996)"


def test_published_splits(real_data: Path, run: Run) -> None:
    done = run("split", "ml-100k", "--data-folder", real_data, "--published", "--json")
    made = json.loads(done.stdout)["splits"]
    assert [one["kind"] for one in made] == ["u1", "u2", "u3", "u4", "u5", "ua", "ub"]
    assert [one["test"] for one in made] == [20_000] * 5 + [9_430] * 2


def test_fetch_takes_a_zip_and_lists_what_is_there(real_data: Path, run: Run, tmp_path: Path) -> None:
    assert "ml-25m" in run("fetch").stdout
    here = json.loads(run("fetch", "--json", "--data-folder", real_data).stdout)
    assert here["ml-100k"] == str(real_data / "ml-100k")
    assert json.loads(run("fetch", "--json").stdout)["ml-100k"] is None


def test_what_values_mean_is_an_option_of_each_command(run: Run, tmp_path: Path) -> None:
    rows = [f"{line},{1 + number % 9}/{1 + number % 7}/2017" for number, line in enumerate(GOOD)]
    table(tmp_path / "r.csv", *rows, "1,99,-1,1/2/2017", f"{GOOD[0]},2/1/2017", header="user,item,rating,date")
    refused_ = run("split", "r.csv", "-o", "s")
    assert refused_.exit_code == 2
    assert "hint: say which it is: --time-format '%d/%m/%Y' or --time-format '%m/%d/%Y'" in refused_.stderr
    options = ("--time-format", "%d/%m/%Y", "--missing", "-1", "--repeated", "mean")
    done = run("split", "r.csv", *options, "-o", "s")
    assert done.exit_code == 0, done.stderr
    said = done.stderr.splitlines()[0]
    assert said.startswith("r.csv: 300 ratings from 1 to 5 by 20 users on 15 items, 2017-01-01 to 2017-07-")
    assert "columns: user = user, item = item, rating = rating, time = date (dates of the form %d/%m/%Y)" in said
    assert "1 repeated row averaged" in said
    assert "1 row without a rating left out" in said
    counted = run("export", "r.csv", *options[:4], "--implicit", "--format", "csv", "-o", "e")
    assert "300 interactions with counts from 1 to" in counted.stderr
    assert "1 repeated row added up" in counted.stderr
    pairs = run("export", "r.csv", "--columns", "user=1,item=2,rating=,time=", "--format", "csv", "-o", "p")
    assert (
        "301 interactions with counts from 1 to 2 by 20 users on 16 items; columns: user = user, item = item"
        in pairs.stderr
    )


def test_the_options_of_a_source_as_a_shell_takes_them() -> None:
    source = DataSource("r.csv", implicit=True, repeats="max", missing=("-1", "n/a"), time_format="%d/%m/%Y %H:%M")
    words = "--implicit --missing=-1 --missing=n/a '--time-format=%d/%m/%Y %H:%M' --repeated=max r.csv"
    assert to_shell(source) == words
