"""Fetching, against a real server on this machine that can resume, break off, refuse and lie."""

import hashlib
import importlib
import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cofactor.data.datasets.fetch import fetch
from cofactor.data.datasets.known import DATASETS, Dataset
from cofactor.data.reading.read import read
from cofactor.errors import BadData, Unavailable
from tests.test_read import zipped


class Server(ThreadingHTTPServer):
    """Serves one file; says which ranges were asked for."""

    content = b""
    ranges = True  # whether it honours Range
    breaks_after: int | None = None  # bytes, then the connection is cut
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if first >= len(server.content):
            self.send_error(416)
            return
        body = server.content[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(server.content) - 1}/{len(server.content)}")
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A zip in the layout of MovieLens 1M, of some 100 kB."""
    random = np.random.default_rng(0)
    pairs = random.permutation(500 * 300)[:20_000].tolist()
    ratings = "".join(f"{pair % 500}::{pair // 500}::{pair % 5}::{pair}\n" for pair in pairs)
    files = {"toy/ratings.dat": ratings, "toy/movies.dat": "1::One::Drama\n", "toy/README": "toy"}
    return zipped(tmp_path_factory.mktemp("content") / "toy.zip", files).read_bytes()


@pytest.fixture
def server(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of that zip, and "toy" among the known data sets."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with Server() as running:
        running.content = content
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        md5 = hashlib.md5(content).hexdigest()
        known(monkeypatch, f"http://127.0.0.1:{running.server_port}/toy.zip", md5)
        yield running
        running.shutdown()
        thread.join()


def known(monkeypatch: pytest.MonkeyPatch, address: str, md5: str | None) -> None:
    monkeypatch.setitem(DATASETS, "toy", Dataset("toy", "made for a test", address, md5))


def left(folder: Path) -> list[str]:
    """What lies in a data folder."""
    return sorted(file.name for file in folder.iterdir())


def test_a_data_set_is_downloaded_checked_unpacked_and_read(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch("toy", tmp_path / "data", progress=lambda here, total: seen.append((here, total)))
    assert path == tmp_path / "data" / "toy"
    assert len(read(path)) == 20_000
    assert left(tmp_path / "data") == ["toy"]
    assert seen[-1] == (len(server.content), len(server.content))
    assert [here for here, _ in seen] == sorted(here for here, _ in seen)


def test_a_second_call_downloads_nothing(server: Server, tmp_path: Path) -> None:
    fetch("toy", tmp_path)
    assert fetch("toy", tmp_path) == tmp_path / "toy"
    assert len(server.asked) == 1


def test_the_command_draws_a_bar_on_a_terminal_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = importlib.import_module("cofactor.cli.fetch")
    drawn = {"terminal": io.StringIO(), "file": io.StringIO()}
    for name, file in drawn.items():
        console = Console(file=file, force_terminal=name == "terminal")
        monkeypatch.setattr(command, "messages", lambda quiet, console=console: console)
        command.fetch.main(["toy", "--data-folder", str(tmp_path / name)], standalone_mode=False)
    assert f"/{len(server.content) / 1000:.1f} kB" in drawn["terminal"].getvalue()
    assert drawn["file"].getvalue() == ""
    assert capfd.readouterr().out == f"{tmp_path / 'terminal' / 'toy'}\n{tmp_path / 'file' / 'toy'}\n"


def test_nothing_is_printed(server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fetch("toy", tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 30_000
    assert len(read(fetch("toy", tmp_path))) == 20_000
    starts = range(0, len(server.content), 30_000)
    assert server.asked == [None, *(f"bytes={first}-" for first in starts[1:])]


def test_an_interrupted_download_goes_on_in_the_next_call(server: Server, tmp_path: Path) -> None:
    def interrupt(here: int, total: int | None) -> None:
        raise KeyboardInterrupt

    server.breaks_after = 50_000
    with pytest.raises(KeyboardInterrupt):
        fetch("toy", tmp_path, progress=interrupt)
    assert left(tmp_path) == ["toy.zip.part"]
    server.breaks_after = None
    assert len(read(fetch("toy", tmp_path))) == 20_000
    assert server.asked == [None, "bytes=50000-"]
    assert left(tmp_path) == ["toy"]


def test_a_server_that_cannot_resume_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "toy.zip.part").write_bytes(server.content[:40_000])
    assert len(read(fetch("toy", tmp_path))) == 20_000


def test_a_part_longer_than_the_file_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "toy.zip.part").write_bytes(server.content + b"more")
    assert len(read(fetch("toy", tmp_path))) == 20_000


def test_a_server_that_sends_nothing_does_not_keep_us(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 0
    with pytest.raises(Unavailable, match="ended after 0 of"):
        fetch("toy", tmp_path)


def test_a_wrong_checksum_is_refused_and_nothing_is_left(server: Server, tmp_path: Path) -> None:
    server.content = server.content[:-1] + b"x"
    with pytest.raises(BadData, match="does not have the checksum") as caught:
        fetch("toy", tmp_path)
    assert "run it again" in caught.value.hint
    assert left(tmp_path) == []


def test_a_part_of_another_file_is_found_by_the_checksum(server: Server, tmp_path: Path) -> None:
    (tmp_path / "toy.zip.part").write_bytes(b"x" * 1000)
    with pytest.raises(BadData, match="checksum"):
        fetch("toy", tmp_path)
    assert len(read(fetch("toy", tmp_path))) == 20_000


def test_without_a_checksum_the_rest_of_another_file_is_never_added(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, DATASETS["toy"].address, None)
    (tmp_path / "toy.zip.part").write_bytes(b"x" * 1000)
    assert len(read(fetch("toy", tmp_path))) == 20_000
    assert server.asked == [None]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_address_that_answers_with_an_error(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(Unavailable, match=f"toy.zip answers {status}"):
        fetch("toy", tmp_path)


def test_offline_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    known(monkeypatch, f"http://127.0.0.1:{port}/toy.zip", "0" * 32)
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port}/toy.zip cannot be reached") as caught:
        fetch("toy", tmp_path)
    assert "cofactor fetch toy --archive toy.zip" in caught.value.hint
    assert f"http://127.0.0.1:{port}/toy.zip" in caught.value.hint


def test_a_zip_the_user_has_is_checked_used_and_kept(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, "http://127.0.0.1:9/toy.zip", hashlib.md5(content).hexdigest())
    archive = tmp_path / "mine.zip"
    archive.write_bytes(content)
    assert len(read(fetch("toy", tmp_path / "data", archive=archive))) == 20_000
    assert archive.exists()
    archive.write_bytes(content[:-9])
    with pytest.raises(BadData, match=r"mine.zip: not toy as published: its MD5 is"):
        fetch("toy", tmp_path / "other", archive=archive)
    with pytest.raises(BadData, match="no such file"):
        fetch("toy", tmp_path / "other", archive=tmp_path / "nothing.zip")


def test_a_zip_already_in_the_folder_is_used_without_a_network(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, "http://127.0.0.1:9/toy.zip", hashlib.md5(content).hexdigest())
    (tmp_path / "toy.zip").write_bytes(content)
    assert len(read(fetch("toy", tmp_path))) == 20_000
    assert left(tmp_path) == ["toy", "toy.zip"]


@pytest.mark.parametrize("files", [{"../toy/ratings.dat": "1::2::3::4\n"}, {"toy/README": "no ratings"}, {}])
def test_a_zip_that_escapes_or_holds_no_ratings_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str | bytes]
) -> None:
    known(monkeypatch, "http://127.0.0.1:9/toy.zip", None)
    archive = zipped(tmp_path / "bad.zip", files)
    with pytest.raises(BadData, match=r"bad\.zip"):
        fetch("toy", tmp_path / "data", archive=archive)
    assert left(tmp_path / "data") == []


def test_an_unknown_name_and_a_folder_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no known data set is called 'ml-2m'") as caught:
        fetch("ml-2m", tmp_path)
    assert "ml-1m" in caught.value.hint
    (tmp_path / "file").write_text("")
    with pytest.raises(BadData, match="file"):
        fetch("ml-1m", tmp_path / "file" / "data")


def test_every_known_data_set_is_described() -> None:
    assert list(DATASETS) == ["ml-100k", "ml-1m", "ml-10m", "ml-20m", "ml-25m", "ml-32m", "ml-latest-small"]
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.address == f"https://files.grouplens.org/datasets/movielens/{name}.zip"
        assert dataset.licence
        assert (dataset.md5 is None) == (name == "ml-latest-small")
        assert dataset.md5 is None or len(bytes.fromhex(dataset.md5)) == 16


def test_real_data_from_a_zip_the_user_has(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"ml-100k/{name}": (real_data / "ml-100k" / name).read_bytes() for name in ("u.data", "u.item", "u.genre")}
    archive = zipped(tmp_path / "ml-100k.zip", files)
    with pytest.raises(BadData, match="not ml-100k as published"):  # a zip made here is not the one published
        fetch("ml-100k", tmp_path / "data", archive=archive)
    known(monkeypatch, "http://127.0.0.1:9/toy.zip", hashlib.md5(archive.read_bytes()).hexdigest())
    ratings = read(fetch("toy", tmp_path / "data", archive=archive))
    assert (len(ratings), len(ratings.users), len(ratings.items)) == (100_000, 943, 1_682)


def test_a_fetched_data_set_is_read_by_its_name(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, "http://127.0.0.1:9/toy.zip", hashlib.md5(content).hexdigest())
    monkeypatch.setenv("COFACTOR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unavailable) as caught:
        read("toy")
    assert caught.value.hint == "cofactor.fetch('toy') downloads it"
    Path("given.zip").write_bytes(content)
    assert fetch("toy", archive="given.zip") == tmp_path / "data" / "toy"
    fetched = read("toy")
    assert len(fetched) == len(read(tmp_path / "data" / "toy")) > 0
    Path("toy").write_text("user,item,rating\n1,2,3\n", encoding="utf-8")
    assert len(read("toy")) == 1, "a file of that name in the current folder is what was named"


def test_a_name_almost_that_of_a_data_set_is_corrected() -> None:
    with pytest.raises(BadData, match="ml-100K: no such file") as caught:
        read("ml-100K")
    assert caught.value.hint == "did you mean ml-100k?"
