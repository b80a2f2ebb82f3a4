"""Compressed files, archives and folders of parts: what is in them is the table, and nothing of them is trusted."""

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.reading.containers import compressed_files
from cofactor.data.reading.read import read
from cofactor.errors import BadData

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = "user,item,rating\nann,x1,4\nann,x2,2.5\nbob,x1,1\n"
ROWS = [("ann", "x1", 4.0), ("ann", "x2", 2.5), ("bob", "x1", 1.0)]
TITLES = "movieId,title\nx1,One (1999)\nx2,Two (2001)\n"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def rows(ratings: Ratings) -> list[tuple[str, str, float]]:
    users, items = ratings.users.ids[ratings.user].tolist(), ratings.items.ids[ratings.item].tolist()
    return list(zip(users, items, ratings.value.tolist(), strict=True))


def tar(files: dict[str, str], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def parquet(path: Path, query: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


# --- compressed files


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_is_the_file_with_the_titles_next_to_it(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"r.csv.{ending}").write_bytes(COMPRESS[ending](TEXT.encode()))
    (tmp_path / "movies.csv").write_text(TITLES)
    ratings = read(tmp_path / f"r.csv.{ending}")
    assert rows(ratings) == ROWS
    assert ratings.titles is not None
    assert ratings.titles.tolist() == ["One (1999)", "Two (2001)"]


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_json_and_parquet(tmp_path: Path, ending: str) -> None:
    lines = [f'{{"user": "{user}", "item": "{item}", "rating": {value}}}\n' for user, item, value in ROWS]
    (tmp_path / f"r.json.{ending}").write_bytes(COMPRESS[ending]("".join(lines).encode()))
    assert rows(read(tmp_path / f"r.json.{ending}")) == ROWS
    table = parquet(tmp_path / "plain.parquet", "SELECT 'ann' AS user, 'x1' AS item, 4.0 AS rating").read_bytes()
    (tmp_path / f"r.parquet.{ending}").write_bytes(COMPRESS[ending](table))
    assert rows(read(tmp_path / f"r.parquet.{ending}")) == ROWS[:1]


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_that_is_cut_short_is_an_error(tmp_path: Path, ending: str) -> None:
    whole = COMPRESS[ending]("".join(f"{n},{n * 7919 % 1013},{n % 5}\n" for n in range(3_000)).encode())
    (tmp_path / f"r.csv.{ending}").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(BadData, match="cut short or damaged"):
        read(tmp_path / f"r.csv.{ending}")


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_file_that_unpacks_to_far_more_than_ratings_would_is_an_error(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"r.csv.{ending}").write_bytes(COMPRESS[ending](b"user,item,rating\n" + b"1,1,1\n" * 300_000))
    with pytest.raises(BadData, match="unpacks to more than"):
        read(tmp_path / f"r.csv.{ending}")


def test_no_more_is_unpacked_than_is_free_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.csv.xz").write_bytes(lzma.compress(TEXT.encode()))
    monkeypatch.setattr(compressed_files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(BadData, match="10 bytes that are free"):
        read(tmp_path / "r.csv.xz")


# --- archives


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_a_tar_archive_is_read_like_a_folder(tmp_path: Path, ending: str) -> None:
    plain = tar({"set/ratings.csv": TEXT, "set/movies.csv": TITLES, "set/README.md": "# About"})
    (tmp_path / f"set.tar{ending}").write_bytes(COMPRESS[ending[1:]](plain) if ending else plain)
    ratings = read(tmp_path / f"set.tar{ending}")
    assert rows(ratings) == ROWS
    assert ratings.titles is not None
    assert ratings.titles.tolist() == ["One (1999)", "Two (2001)"]


@pytest.mark.parametrize("name", ["../ratings.csv", "/ratings.csv", "a/../../ratings.csv"])
def test_a_tar_archive_does_not_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "set.tar").write_bytes(tar({name: TEXT}))
    with pytest.raises(BadData, match="leads out of the folder"):
        read(tmp_path / "set.tar")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_archive_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        info = tarfile.TarInfo("ratings.csv")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(BadData, match="is a link or a device"):
        read(tmp_path / "set.tar")


def test_a_tar_archive_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "set.tar").write_bytes(tar({"ratings.csv": TEXT * 200})[:3_000])
    with pytest.raises(BadData):
        read(tmp_path / "set.tar")


SHOP = {
    "genome.csv": "tag_id,tag\n1,dull\n",
    "link.csv": "movieId,imdbId\nx1,114709\n",
    "movie.csv": TITLES,
    "opinions.csv": TEXT,
    "tagged.csv": "userId,movieId,tag\nann,x1,funny\n",
}


def test_the_table_of_ratings_of_an_archive_is_found_by_its_columns(tmp_path: Path) -> None:
    ratings = read(zipped(tmp_path / "archive.zip", SHOP))
    assert rows(ratings) == ROWS
    assert ratings.origin is not None
    assert ratings.origin.notes == ("of 5 tables, opinions.csv is read",)
    assert ratings.titles is not None
    assert ratings.titles.tolist() == ["One (1999)", "Two (2001)"]
    for name, text in SHOP.items():
        (tmp_path / "folder" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_text(text)
    assert rows(read(tmp_path / "folder")) == ROWS


def test_a_member_of_an_archive_is_named_after_a_colon(tmp_path: Path) -> None:
    files = {"a/train.csv": TEXT, "a/test.csv": TEXT.replace("ann", "eve"), "a/movies.csv": TITLES}
    archive = zipped(tmp_path / "set.zip", files)
    with pytest.raises(BadData, match=r"2 files may be the ratings: a/test\.csv, a/train\.csv") as refused:
        read(archive)
    assert f"{archive}:a/test.csv" in refused.value.hint
    assert rows(read(f"{archive}:a/test.csv"))[0] == ("eve", "x1", 4.0)
    (tmp_path / "set.tar.gz").write_bytes(gzip.compress(tar(files)))
    ratings = read(f"{tmp_path / 'set.tar.gz'}:a/train.csv")
    assert rows(ratings) == ROWS
    assert ratings.titles is not None
    with pytest.raises(BadData, match=r"no member 'b\.csv' among a/movies\.csv"):
        read(f"{archive}:b.csv")


def test_several_tables_are_not_passed_over_for_a_text_that_is_the_only_one(tmp_path: Path) -> None:
    for name in ("orders.csv", "reviews.csv", "pairs.txt"):
        (tmp_path / name).write_text("a x\nb x\n" if name == "pairs.txt" else TEXT)
    with pytest.raises(BadData, match=r"2 files may be the ratings: orders\.csv, reviews\.csv"):
        read(tmp_path)


def test_parts_in_an_archive(tmp_path: Path) -> None:
    header, *lines = TEXT.splitlines(keepends=True)
    files = {f"out/part-0000{number}.csv": header + line for number, line in enumerate(lines)}
    assert rows(read(zipped(tmp_path / "set.zip", {"out/_SUCCESS": "", **files}))) == ROWS
    archive = zipped(tmp_path / "two.zip", files | {"old/part-00000.csv": TEXT})
    with pytest.raises(BadData, match="2 files may be the ratings") as refused:
        read(archive)
    assert refused.value.hint.endswith(f"{archive}:old/part-00000.csv")
    assert rows(read(f"{archive}:out/part-*.csv")) == ROWS


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("arr_0.npy", "NumPy arrays"),
        ("archive/data.pkl", "PyTorch"),
        ("[Content_Types].xml", "a document of Office"),
        ("inner.zip", "an archive of archives"),
    ],
)
def test_archives_of_something_else_are_called_what_they_are(tmp_path: Path, member: str, kind: str) -> None:
    with pytest.raises(BadData, match=kind):
        read(zipped(tmp_path / "set.zip", {member: "x"}))


# --- parts


def test_parts_as_spark_writes_them(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    header, *lines = TEXT.splitlines(keepends=True)
    for number, line in enumerate(lines):
        (folder / f"part-0000{number}-0f8fad5b-d9cb-469f-a165-70867728950e-c000.csv").write_text(header + line)
    assert rows(read(folder)) == ROWS
    for file in folder.glob("part-*.csv"):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert rows(read(folder)) == ROWS
    (folder / "part-00003-0f8fad5b-d9cb-469f-a165-70867728950e-c000.csv.gz").write_bytes(
        gzip.compress(b"a,b,c\n1,2,3\n")
    )
    with pytest.raises(BadData, match="another header"):
        read(folder)


def test_an_empty_part_has_no_ratings(tmp_path: Path) -> None:
    (tmp_path / "part-00000").write_text("")
    (tmp_path / "part-00001").write_text(TEXT)
    (tmp_path / "part-00002").write_text("")
    assert rows(read(tmp_path)) == ROWS


def test_an_address_is_no_file() -> None:
    with pytest.raises(BadData, match="is an address"):
        read("https://example.org/ratings.csv")


def test_parts_without_header_and_without_an_end_of_line(tmp_path: Path) -> None:
    for number in (0, 1, 2):
        (tmp_path / f"part-0000{number}").write_text(f"u{number}\ti{number}\t{number + 1}\nu9\ti{number}\t2")
    assert len(read(tmp_path)) == 6


def test_parquet_in_shards_and_in_a_pattern(tmp_path: Path) -> None:
    for number, (user, item, value) in enumerate(ROWS):
        query = f"SELECT '{user}' AS user_id, '{item}' AS item_id, {value} AS rating"
        parquet(tmp_path / "data" / f"train-0000{number}-of-00003.parquet", query)
    (tmp_path / "README.md").write_text("# About")
    assert rows(read(tmp_path)) == ROWS
    query = "SELECT 'eve' AS user_id, 'x1' AS item_id, 5.0 AS rating"
    parquet(tmp_path / "data" / "test-00000-of-00001.parquet", query)
    with pytest.raises(BadData, match="2 files may be the ratings"):
        read(tmp_path)
    assert rows(read(tmp_path / "data" / "train-*.parquet")) == ROWS
    (tmp_path / "data" / "test-00000-of-00001.parquet").unlink()
    (tmp_path / "data" / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(BadData, match="2 of the 3 parts"):
        read(tmp_path)


def test_parquet_of_a_row_repeated_millions_of_times_is_refused_before_it_is_read(tmp_path: Path) -> None:
    query = "SELECT 1 AS user, 1 AS item, 1 AS rating FROM range(9_000_000)"
    parquet(tmp_path / "r.parquet", query)
    with pytest.raises(BadData, match=r"9,000,000 rows, .* are allowed"):
        read(tmp_path / "r.parquet")


def test_folders_above_a_file_are_no_columns(tmp_path: Path) -> None:
    file = parquet(tmp_path / "rating=9" / "r.parquet", "SELECT 1 AS user, 2 AS item, 3 AS rating")
    assert rows(read(file)) == rows(read(file.parent)) == [("1", "2", 3.0)]
    (tmp_path / "user=9" / "x").mkdir(parents=True)
    (tmp_path / "user=9" / "x" / "r.csv").write_text(TEXT)
    assert rows(read(tmp_path / "user=9" / "x" / "r.csv")) == rows(read(tmp_path / "user=9" / "x")) == ROWS


def test_columns_in_folders_of_text_files_are_refused_or_noted(tmp_path: Path) -> None:
    for value, line in (("3", "ann,x1"), ("4", "bob,x2")):
        for key in ("rating", "page"):
            (tmp_path / key / f"{key}={value}").mkdir(parents=True)
            (tmp_path / key / f"{key}={value}" / "part-0.csv").write_text(f"user,item\n{line}\n")
    with pytest.raises(BadData, match="folders such as rating=3 hold a column"):
        read(tmp_path / "rating")
    ratings = read(tmp_path / "page")
    assert rows(ratings) == [("ann", "x1", 1.0), ("bob", "x2", 1.0)]
    assert ratings.origin is not None
    assert "not read from the names of folders: page" in ratings.origin.notes


def test_parts_of_json_and_with_other_quotes(tmp_path: Path) -> None:
    for number, (user, item, value) in enumerate(ROWS):
        record = f'[{{"user": "{user}", "item": "{item}", "rating": {value}}}]'
        (tmp_path / f"part-0000{number}.json").write_text(record)
    assert rows(read(tmp_path)) == ROWS
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "part-0.csv").write_text("user,item,rating\nann,x1,4\nann,x2,2.5")
    (tmp_path / "csv" / "part-1.csv").write_text('"user","item","rating"\n"bob","x1","1"\n')
    assert rows(read(tmp_path / "csv")) == ROWS


def test_lists_in_an_archive(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", {"train.txt": "1 2 3\n2 3\n", "test.txt": "1 4\n", "README.md": "x"})
    with pytest.raises(BadData, match="2 files may be the ratings"):
        read(archive, layout="lists")
    assert rows(read(f"{archive}:train.txt", layout="lists")) == [("1", "2", 1.0), ("1", "3", 1.0), ("2", "3", 1.0)]


def test_folders_of_a_partition_are_columns(tmp_path: Path) -> None:
    for user, item, value in ROWS:
        path = tmp_path / f"user={user}" / "year=2020" / f"part-{item}.parquet"
        parquet(path, f"SELECT '{item}' AS item, {value} AS rating")
    assert rows(read(tmp_path)) == ROWS
    found = read(tmp_path, columns={"time": "year"}).time
    assert found is not None


def test_tables_of_a_lake_are_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "part-00000.parquet", "SELECT 1 AS user, 1 AS item, 1.0 AS rating")
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.json").write_text("{}")
    with pytest.raises(BadData, match="Delta Lake"):
        read(tmp_path)


def test_the_files_of_the_netflix_prize_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "combined_data_1.txt").write_text("1:\n10,3,2005-09-06\n20,5,2005-05-13\n2:\n10,1,2005-10-19\n")
    (tmp_path / "combined_data_2.txt").write_text("3:\n30,4,2005-01-01")
    (tmp_path / "movie_titles.csv").write_bytes(
        "1,2003,Dinosaur Planet\n2,2004,Isle, of Man\n3,1997,Ça\n".encode("latin-1")
    )
    (tmp_path / "probe.txt").write_text("1:\n10\n")
    ratings = read(tmp_path)
    assert rows(ratings) == [("10", "1", 3.0), ("20", "1", 5.0), ("10", "2", 1.0), ("30", "3", 4.0)]
    assert ratings.time is not None
    assert ratings.titles is not None
    assert ratings.titles.tolist() == ["Dinosaur Planet", "Isle, of Man", "Ça"]
    (tmp_path / "combined_data_2.txt").write_text("3:\n30,x,2005-01-01\n")
    with pytest.raises(BadData, match="line 7: rating 'x'"):
        read(tmp_path)
