"""Zip files that mean harm, and those that are merely damaged."""

import stat
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from cofactor.data.reading.containers import zip_files
from cofactor.data.reading.containers.zip_files import list_files, unzip
from cofactor.data.reading.read import read
from cofactor.errors import BadData
from tests.test_read import zipped

RATINGS = "1::2::3::4\n"


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a/b/one.txt": "one" * 999, "two": b"\x00\xff", "a/empty/": ""})
    assert sorted(list_files(archive)) == ["a/b/one.txt", "two"]
    unzip(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b" / "one.txt").read_text() == "one" * 999
    assert (tmp_path / "out" / "two").read_bytes() == b"\x00\xff"


def test_only_what_is_named_is_unpacked(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"one": "1", "two": "2"})
    assert unzip(archive, tmp_path / "out", ["two"]) == [tmp_path / "out" / "two"]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["two"]


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:\\out.txt", "C:/out.txt", "a\\..\\..\\b"],
)
def test_a_name_that_leads_out_refuses_the_whole_zip(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "a.zip", {"ratings.dat": RATINGS, name: "harm"})
    for attempt in (lambda: read(archive), lambda: unzip(archive, tmp_path / "in" / "out")):
        with pytest.raises(BadData, match="leads out of the folder"):
            attempt()
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.zip"]


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("ratings.dat")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadData, match=r"'ratings\.dat' is a link"):
        read(tmp_path / "a.zip")


def test_a_small_zip_of_something_huge_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"ratings.dat": b"\0" * 30_000_000})
    with pytest.raises(BadData, match="unpacks to 30,000,000 bytes"):
        read(archive)


def test_more_than_is_allowed_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"one": "1" * 600, "two": "2" * 600})
    with pytest.raises(BadData, match="unpacks to 1,200 bytes; 1,000 are allowed"):
        unzip(archive, tmp_path / "out", max_bytes=1_000)


def test_a_member_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"ratings.dat": RATINGS * 100_000})
    content = archive.read_bytes()
    true, false = (len(RATINGS) * 100_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little")
    archive.write_bytes(content.replace(true, false))
    with pytest.raises(BadData):
        unzip(archive, tmp_path / "out")
    assert (tmp_path / "out" / "ratings.dat").stat().st_size <= 1_000


def test_damage_inside_is_noticed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:  # stored, so that only the checksum can tell
        archive.writestr("ratings.dat", RATINGS)
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"1::2::3", b"1::2::5"))
    with pytest.raises(BadData, match="CRC"):
        read(tmp_path / "a.zip")


def test_a_zip_with_no_ratings_or_nothing_in_it(tmp_path: Path) -> None:
    for files in ({}, {"README": "x"}):
        with pytest.raises(BadData, match="no ratings in it"):
            read(zipped(tmp_path / "a.zip", files))


def test_a_zip_larger_than_the_free_disk_space_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(tmp_path / "a.zip", {"ratings.dat": RATINGS * 10})
    size = len(RATINGS) * 10
    for free, refused in ((size - 1, True), (size, False)):
        monkeypatch.setattr(zip_files.shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if not refused:
            assert [file.name for file in unzip(archive, tmp_path / "fits")] == ["ratings.dat"]
            continue
        with pytest.raises(BadData, match=f"it unpacks to {size} bytes; {free} are free"):
            unzip(archive, tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []


def test_a_small_member_may_be_of_any_compression_ratio(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"zeros": b"\0" * (1 << 20)})
    with zipfile.ZipFile(archive) as packed:
        assert packed.getinfo("zeros").compress_size * 250 < 1 << 20
    assert unzip(archive, tmp_path / "out")[0].stat().st_size == 1 << 20
