"""Which column is which: by common names, by names and numbers given, and in a table without a header."""

import re
from pathlib import Path

import pandas
import pytest

from cofactor.cli.options.data_argument import parse_columns
from cofactor.data.reading.columns import AmbiguousColumns, find_columns
from cofactor.data.reading.headerless_columns import find_columns_without_header
from cofactor.data.reading.read import read
from cofactor.errors import BadData
from tests.test_read import rows, written

# --- names


@pytest.mark.parametrize(
    ("header", "item"),
    [
        ("user_id,video_id,rating", "video_id"),
        ("CustomerID,StockCode,Quantity,InvoiceDate", "StockCode"),
        ("uid,item,movie,stars", "item"),  # the general name comes first
        ("user,isbn,book_id,rating", "isbn"),  # names of the same thing
        ("user,rating,ID,name", "ID"),  # where nothing else can be the item
    ],
)
def test_the_item(header: str, item: str) -> None:
    names = header.split(",")
    assert names[find_columns(names)["item"]] == item


@pytest.mark.parametrize(
    ("header", "rating"),
    [
        ("user,item,rating,user_rating", "user_rating"),  # the other may be the mean of the item
        ("user,item,my_score,score", "my_score"),
        ("user,item,value,stars", "stars"),
        ("user,item,plays,rating", "rating"),
        ("user,item,watch_ratio,duration", "watch_ratio"),
    ],
)
def test_the_value(header: str, rating: str) -> None:
    names = header.split(",")
    assert names[find_columns(names)["rating"]] == rating


@pytest.mark.parametrize(
    ("header", "role", "listed"),
    [
        ("user,item,rating,score", "rating", "rating, score"),
        ("user,item,plays,clicks", "rating", "plays, clicks"),
        ("user,artist_id,track_id", "item", "artist_id, track_id"),
        ("user,item,rating,Rating", "rating", "rating, Rating"),
    ],
)
def test_two_columns_that_may_be_it_are_listed(tmp_path: Path, header: str, role: str, listed: str) -> None:
    names = header.split(",")
    with pytest.raises(AmbiguousColumns, match=f"2 columns may be the {role}: {listed}") as caught:
        find_columns(names)
    chosen = names[-1]
    assert find_columns(names, {role: chosen})[role] == len(names) - 1
    assert f"--columns {role}=" in caught.value.hint
    with pytest.raises(BadData, match=f"may be the {role}"):
        read(written(tmp_path / "r.csv", f"{header}\n{','.join('7' * len(names))}\n"))


def test_a_missing_column_that_only_one_can_be_is_in_the_hint(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "user,gadget,rating\n1,2,3\n")
    with pytest.raises(BadData) as caught:
        read(file)
    assert "--columns item=gadget " in caught.value.hint
    assert rows(read(file, columns={"item": "gadget"})) == [("1", "2", 3.0, None)]


def test_the_report_names_the_columns_and_those_that_were_not_taken(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "user,item,rating,user_rating\n1,2,3.5,4\n")
    origin = read(file).origin
    assert origin is not None
    assert origin.columns == {"user": "user", "item": "item", "rating": "user_rating"}
    assert origin.notes == ("user_rating is taken as the value, not rating",)
    origin = read(file, columns={"rating": "rating"}).origin
    assert origin is not None
    assert origin.notes == ()


# --- numbers


def test_columns_by_number_with_and_without_a_header(tmp_path: Path) -> None:
    swapped = {"user": "2", "item": "1"}
    lines = "p1,u1,4.0,7\np2,u1,3.0,9\n"
    wanted = [("u1", "p1", 4.0, 7), ("u1", "p2", 3.0, 9)]
    assert rows(read(written(tmp_path / "a.csv", lines), columns=swapped)) == wanted
    assert rows(read(written(tmp_path / "b.csv", "product,reviewer,score,ts\n" + lines), columns=swapped)) == wanted
    unknown = swapped | {"rating": "3", "time": "4"}
    assert rows(read(written(tmp_path / "c.csv", "what,who,how,when\n" + lines), columns=unknown)) == wanted
    frame = pandas.DataFrame([("p1", "u1", 4.0), ("p2", "u1", 3.0)])  # columns 0, 1, 2 are names
    assert rows(read(frame, columns={"user": "1", "item": "0", "rating": "2"})) == [(*row[:3], None) for row in wanted]
    assert rows(read(frame, columns={"user": 1, "item": 0, "rating": 2})) == [(*row[:3], None) for row in wanted]
    with pytest.raises(BadData, match="no column '7' among") as caught:
        read(tmp_path / "b.csv", columns={"user": "7"})
    assert "from 1 to 4" in caught.value.hint


def test_a_name_that_is_a_number_comes_before_the_number() -> None:
    assert find_columns(["2", "1", "rating"], {"user": "1", "item": "2"}) == {"user": 1, "item": 0, "rating": 2}


# --- no header


def lines(*rows_: str) -> list[list[str]]:
    return [row.split(",") for row in rows_]


def test_the_usual_order() -> None:
    for line, width in (("u1,i1,3,77", 4), ("u1,i1,3", 3), ("1,2", 2)):
        found = find_columns_without_header(line.split(","), lines(line))
        assert found == dict(zip(("user", "item", "rating", "time"), range(width), strict=False))


def test_a_column_left_out_or_moved() -> None:
    line = lines("u1,i1,3,nice")
    assert find_columns_without_header(line[0], line, {"time": ""}) == {"user": 0, "item": 1, "rating": 2}
    line = lines("u1,i1,1500000000")
    assert find_columns_without_header(line[0], line, {"time": "3"}) == {"user": 0, "item": 1, "time": 2}
    line = lines("9,u1,i1,3,1500000000")
    chosen = {"user": "2", "item": "3", "rating": "4", "time": "5"}
    assert find_columns_without_header(line[0], line, chosen) == {"user": 1, "item": 2, "rating": 3, "time": 4}


COUNTED = [f"{number},{number * 7 % 5},{number * 3 % 4},{number % 5}" for number in range(12)]


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        (["u1,i1,1500659763", "u2,i1,1500537160"], "third column looks like times", "user=1,item=2,time=3;"),
        (["u1,i1,2017-07-21", "u2,i1,2017-07-20"], "third column looks like times", "user=1,item=2,time=3;"),
        (["u1,i1,1500659763,4"], "third column looks like times", "user=1,item=2,time=3,rating=4"),
        (COUNTED, "first column counts the rows", "user=2,item=3,rating=4"),
        (["0,u1,i1,4,1500659763"], "5 columns without a header: 1 '0'; 2 'u1'", "user=1,item=2,rating=,time=5"),
        (["p1,u1,4", "p2,u2,3"], "first column looks like items", "user=2,item=1,rating=3;"),
        (["B00001WXYZ,A1B2C3D4E5F6G7,4,1500659763"], "first column looks like items", "user=2,item=1,rating=3,time=4"),
        (["u1,,band,37", "u2,x,bond,12"], "third of 4 columns .* not look like ratings", "user=1,item=3,rating=4"),
    ],
)
def test_cells_that_look_like_other_columns_are_an_error_that_says_what_to_write(
    tmp_path: Path, table: list[str], message: str, hint: str
) -> None:
    with pytest.raises(AmbiguousColumns, match=message) as caught:
        find_columns_without_header(table[0].split(","), lines(*table))
    assert hint in caught.value.hint
    with pytest.raises(BadData, match=message):
        read(written(tmp_path / "r.csv", "\n".join(table)))


def test_the_hint_for_a_counter_and_for_swapped_ids_is_followed(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "\n".join(COUNTED))
    assert len(read(file, columns={"user": "1", "item": "2", "rating": "3", "time": "4"}).users) == 12
    assert len(read(file, columns={"user": "2", "item": "3", "rating": "4"}).users) == 5


@pytest.mark.parametrize(
    "table",
    [
        [f"{at},u{at % 3},i{at % 4},{1 + at % 5},{1500000000 + at}" for at in range(12)],
        [f"u{at % 3},{'' if at == 1 else 'm'},band {at},{at * 7}" for at in range(5)],
        [f"u{at % 3},game {at},{'play' if at % 2 else 'purchase'},{at + 0.5},0" for at in range(5)],
        [f"u{at % 3},i{at},{1500000000 + at}" for at in range(5)],
        [f"i{at % 3},u{at},{at % 5}" for at in range(5)],
    ],
)
def test_a_hint_that_is_followed_leads_to_the_ratings(tmp_path: Path, table: list[str]) -> None:
    file = written(tmp_path / "r.csv", "\n".join(table))
    with pytest.raises(AmbiguousColumns) as caught:
        read(file)
    hinted = re.search(r"--columns (\S+?)[ ;]", caught.value.hint)
    assert hinted is not None
    ratings = read(file, columns=parse_columns([hinted[1]]))
    assert len(ratings) == len(table)
    assert len(ratings.users) == (5 if "first column looks like items" in caught.value.message else 3)


def test_names_that_nobody_knows_are_no_data(tmp_path: Path) -> None:
    for content in ("who,what\na,b\nc,d\n", "who,what,how much\na,b,3\n", "hello\nworld\n"):
        with pytest.raises(BadData, match="no column for the user and the item"):
            read(written(tmp_path / "r.csv", content))


# --- interactions


def test_a_table_without_values_is_one_of_pairs(tmp_path: Path) -> None:
    for content in ("user_id,item_id\na,x\nb,x\n", "a,x\nb,x\n", "a\tx\nb\tx\n"):
        pairs = read(written(tmp_path / "r.csv", content))
        assert rows(pairs) == [("a", "x", 1.0, None), ("b", "x", 1.0, None)]
        assert pairs.kind == "pairs"
    timed = read(pandas.DataFrame({"user": ["a", "b"], "item": ["x", "x"], "timestamp": [5, 6]}))
    assert rows(timed) == [("a", "x", 1.0, 5), ("b", "x", 1.0, 6)]
    assert timed.kind == "pairs"


def test_values_can_be_left_out_or_said_to_be_counts(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "user,item,rating\na,x,3\na,x,2\nb,x,1\n")
    assert (read(file).kind, read(file).value.tolist()) == ("ratings", [2, 1])
    without = read(file, columns={"rating": ""})
    assert (without.kind, without.value.tolist()) == ("counts", [2, 1])
    assert read(file, columns={"rating": ""}, repeats="latest").kind == "pairs"
    counts = read(file, implicit=True)
    assert (counts.kind, counts.value.tolist()) == ("counts", [5, 1])
    assert counts.origin is not None
    assert counts.origin.remarks() == ["1 repeated row added up"]


def test_a_column_of_plays_is_one_of_counts(tmp_path: Path) -> None:
    assert read({"user": ["a"], "item": ["x"], "n": [3]}).kind == "counts"  # as of reset_index(name="n")
    file = written(tmp_path / "r.csv", "user,artist,plays\na,x,300\na,y,2\n")
    assert read(file).kind == "counts"
    assert read(file, columns={"rating": "plays"}).kind == "ratings"  # whoever names it the rating means ratings


def test_bad_rows_of_a_table_of_pairs_are_named(tmp_path: Path) -> None:
    for content in ("user,item\na,x\n,x\nb,x\n", 'user,item\n"a",x\n"",x\n"b",x\n'):
        file = written(tmp_path / "r.csv", content)
        with pytest.raises(BadData, match="line 3: no user id"):
            read(file)
        assert len(read(file, bad_rows="skip", rejected=tmp_path / "left.csv")) == 2
    with pytest.raises(BadData, match="row 2: no user id"):
        read({"user": ["a", None], "item": ["x", "y"]})


def test_an_unknown_rule_for_repeats(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="repeats is 'newest'"):
        read(written(tmp_path / "r.csv", "a,x\n"), repeats="newest")


@pytest.mark.parametrize("header", ["user,item,points", "user,item,liked", "user,item,team,grade"])
def test_numbers_that_may_be_ratings_are_not_left_out_in_silence(tmp_path: Path, header: str) -> None:
    names = header.split(",")
    middle = ["red"] * (len(names) - 3)
    table = [[f"u{number}", f"i{number % 3}", *middle, str(number % 2)] for number in range(9)]
    file = written(tmp_path / "r.csv", "\n".join([header, *map(",".join, table)]))
    frame = pandas.DataFrame(table, columns=names).astype({names[-1]: int})
    frame.to_parquet(tmp_path / "r.parquet")
    for source in (file, frame, tmp_path / "r.parquet"):
        with pytest.raises(
            AmbiguousColumns, match=f"no column is known to hold ratings; it may be {names[-1]}"
        ) as caught:
            read(source)
        assert f"--columns rating={names[-1]}," in caught.value.hint
        assert read(source, columns={"rating": names[-1]}).kind == "ratings"
        assert read(source, columns={"rating": ""}).kind == "pairs"


@pytest.mark.parametrize("other", ["city", "age", "price", "event_id"])
def test_other_columns_of_a_table_of_pairs_are_named(tmp_path: Path, other: str) -> None:
    cells = "".join(f"u{number},i{number % 3},{'Bonn' if other == 'city' else number % 4}\n" for number in range(9))
    pairs = read(written(tmp_path / "r.csv", f"user,item,{other}\n{cells}"))
    assert pairs.kind == "pairs"
    assert pairs.origin is not None
    assert pairs.origin.notes == (f"each row is an interaction without a value; not read: {other}",)


def test_what_is_in_parentheses_is_no_part_of_a_name() -> None:
    assert find_columns(["User (id)", "Product [SKU]", "Rating (1-5)"]) == {"user": 0, "item": 1, "rating": 2}
    assert find_columns(["(user)", "item", "[rating]"]) == {"user": 0, "item": 1, "rating": 2}


@pytest.mark.parametrize("item", ["who", "1"])
def test_one_column_for_two_things_is_refused(item: str) -> None:
    with pytest.raises(BadData) as caught:
        find_columns(["who", "what", "stars"], {"user": "who", "item": item, "rating": "stars"})
    assert caught.value.message == "column 'who' is named for user and item"
    assert caught.value.hint == "name a column of its own for each"
