"""Event files, read back as TensorBoard reads them, and by TensorBoard itself."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, split
from cofactor.trainers import TRAINERS
from cofactor.training.early_stopping import ValidatedEpoch, early_stopping
from cofactor.training.tracking.epoch_row import EpochRow
from cofactor.training.tracking.progress import NoProgress
from cofactor.training.tracking.record import record_epochs
from cofactor.training.tracking.run_name import run_name
from cofactor.training.tracking.tensorboard import event_files, scalars
from tests.conftest import Run
from tests.test_cli_train import SLOW_PROGRAM

SETTINGS = {"trainer": "svd", "rank": 8, "l2": 0.05, "layers": "64,32", "tied": True}


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


def training(parts: Split, name: str = "svd", epochs: int = 4) -> Iterator[ValidatedEpoch]:
    trainer = TRAINERS[name].of(**({"n_epochs": epochs} if name != "popularity" else {}))
    return early_stopping(trainer.epochs(parts.train), parts.validation, patience=epochs)


def recorded(epochs: Iterator[ValidatedEpoch], folder: Path, before: list[EpochRow] | None = None) -> list[EpochRow]:
    rows: list[EpochRow] = []
    writers = nullcontext(rows.append), event_files(folder, SETTINGS)
    with closing(record_epochs(epochs, NoProgress(), *writers, before=before or ())) as shown:
        for _ in shown:
            pass
    return rows


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def steps(read: EventAccumulator, tag: str) -> list[int]:
    return [event.step for event in read.Scalars(tag)]


def session(read: EventAccumulator, tag: str) -> HParamsPluginData:
    content = read.SummaryMetadata(f"_hparams_/session_{tag}_info").plugin_data.content
    return HParamsPluginData.FromString(content)


@pytest.mark.parametrize("name", ["svd", "als", "ials", "popularity"])
def test_every_figure_is_a_scalar_at_its_epoch(name: str, parts: Split, tmp_path: Path) -> None:
    rows = recorded(training(parts, name), tmp_path / "run")
    read = events(tmp_path / "run")
    expected = {
        "svd": {"train/rmse", "validation/rmse", "validation/mae", "validation/accuracy", "learning_rate"},
        "als": {"train/rmse", "validation/rmse", "validation/mae", "validation/accuracy"},
        "ials": {"validation/ndcg@10"},
        "popularity": set(),
    }[name]
    tags = {tag for tag in read.Tags()["scalars"] if not tag.startswith("best/") and tag != "train/loss"}
    assert tags - {"learning_rate"} == (expected | {"seconds"}) - {"learning_rate"}
    assert expected <= tags
    for tag in tags:
        got = [(event.step, event.value, event.wall_time) for event in read.Scalars(tag)]
        assert got == [(row.epoch, pytest.approx(scalars(row)[tag], rel=1e-6), row.at) for row in rows]


def test_the_best_until_then_stands_beside_them(parts: Split, tmp_path: Path) -> None:
    rows = [EpochRow(k, None, None, rmse, rmse, None, None, None, best, k, k) for k, rmse, best in BEST_SECOND]
    recorded(iter(()), tmp_path, rows)
    read = events(tmp_path)
    assert [event.value for event in read.Scalars("best/rmse")] == [2.0, 1.0, 1.0]
    assert [event.value for event in read.Scalars("best/epoch")] == [1, 2, 2]
    recorded(training(parts, "ials"), tmp_path / "ranker")
    ranker = events(tmp_path / "ranker")
    highest = max(event.value for event in ranker.Scalars("validation/ndcg@10"))
    assert ranker.Scalars("best/ndcg@10")[-1].value == highest


BEST_SECOND = [(1, 2.0, True), (2, 1.0, True), (3, 1.5, False)]


def test_the_hyperparameters_are_text_and_a_session(parts: Split, tmp_path: Path) -> None:
    recorded(training(parts), tmp_path / "run")
    read = events(tmp_path / "run")
    (text,) = (event.tensor_proto.string_val[0].decode() for event in read.Tensors("hyperparameters"))
    assert read.SummaryMetadata("hyperparameters").plugin_data.plugin_name == "text"
    assert "| layers | 64,32 |" in text.splitlines()
    info = session(read, "start").session_start_info
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in info.hparams.items()}
    assert values == SETTINGS
    assert isinstance(values["tied"], bool)
    assert session(read, "end").session_end_info.status == STATUS_SUCCESS


def test_an_error_ends_a_session_as_a_failure(parts: Split, tmp_path: Path) -> None:
    def epochs() -> Iterator[ValidatedEpoch]:
        yield from islice(training(parts), 2)
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        recorded(epochs(), tmp_path)
    assert session(events(tmp_path), "end").session_end_info.status == STATUS_FAILURE


def test_the_files_are_complete_after_every_epoch(parts: Split, tmp_path: Path) -> None:
    for one in record_epochs(training(parts), NoProgress(), event_files(tmp_path, SETTINGS)):
        assert steps(events(tmp_path), "validation/rmse") == list(range(1, one.epoch.number + 1))


def test_a_training_that_goes_on_replaces_what_was_lost(parts: Split, tmp_path: Path) -> None:
    first = recorded(islice(training(parts), 3), tmp_path)
    whole = recorded(islice(training(parts), 2, None), tmp_path, first[:2])
    assert len(list(tmp_path.iterdir())) == 2
    read = events(tmp_path)
    assert steps(read, "train/rmse") == [1, 2, 3, 4]
    assert [event.wall_time for event in read.Scalars("train/rmse")] == [row.at for row in whole]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_training_that_is_ended_leaves_its_records(how: signal.Signals, tmp_path: Path) -> None:
    arguments = ["train", "baseline", "--sweeps", "1000", "--patience", "1000", "--tensorboard", "runs", "-q"]
    arguments += ["--curves", "curves.png"]
    running = subprocess.Popen([sys.executable, "-c", SLOW_PROGRAM, *arguments], cwd=tmp_path)
    deadline = time.monotonic() + 60
    done: list[int] = []
    while len(done) < 2:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
        for folder in tmp_path.glob("runs/synthetic/baseline/*"):
            read = events(folder)
            done = steps(read, "train/rmse") if "train/rmse" in read.Tags()["scalars"] else []
    running.send_signal(how)
    killed = how == signal.SIGKILL
    assert running.wait(60) == (-signal.SIGKILL if killed else 0)
    (folder,) = tmp_path.glob("runs/synthetic/baseline/*")
    after = events(folder)
    assert steps(after, "train/rmse") == list(range(1, len(after.Scalars("train/rmse")) + 1))
    assert len(after.Scalars("train/rmse")) >= len(done)
    if not killed:
        assert session(after, "end").session_end_info.status == STATUS_SUCCESS
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_named_after_its_time_and_what_is_not_as_usual() -> None:
    began = datetime(2026, 1, 31, 23, 59, 59, 123456)
    assert run_name(began, {}) == "20260131-235959.123"
    changed: Mapping[str, Any] = {"rank": 64, "layers": "64,32", "l2": 0.05, "what": "../a b"}
    assert run_name(began, changed) == "20260131-235959.123,rank=64,layers=64,32,l2=0.05,what=..-a-b"
    assert len(run_name(began, {f"field{n}": n for n in range(100)})) < 150


def test_two_trainings_from_the_command_line_are_two_runs(run: Run, tmp_path: Path) -> None:
    for _ in range(2):
        assert run("train", "svd", "--rank", "4", "--epochs", "2", "--tensorboard", "runs", "-q").exit_code == 0
    runs = sorted(tmp_path.glob("runs/synthetic/svd/*"))
    assert len(runs) == 2
    assert all(one.name.endswith(",rank=4,n_epochs=2") for one in runs)
    info = session(events(runs[0]), "start").session_start_info
    assert info.hparams["data"].string_value == "synthetic"
    assert info.hparams["rank"].number_value == 4


def test_without_tensorboard_nothing_is_trained(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    done = run("train", "svd", "--tensorboard", "runs", "-o", "model")
    assert done.exit_code == 2
    assert "pip install 'cofactor[tracking]'" in done.stderr
    assert not (tmp_path / "model").exists()
    assert "train RMSE" not in done.stderr


@contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """The program itself, and the address at which it answers."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0", "--load_fast", "false"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            said = ""
            for line in running.stderr:
                said += line
                if found := re.search(r"http://\S+?:(\d+)/", line):
                    yield f"http://127.0.0.1:{found[1]}"
                    return
            pytest.fail(said)
        finally:
            running.terminate()


def asked(address: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=30) as answer:
        return json.load(answer)


def test_tensorboard_shows_it(parts: Split, tmp_path: Path) -> None:
    rows = recorded(training(parts), tmp_path / "movies" / "svd" / "one")
    recorded(training(parts, "ials"), tmp_path / "movies" / "ials" / "two")
    with tensorboard(tmp_path) as address:
        deadline = time.monotonic() + 30
        while len(tags := asked(f"{address}/data/plugin/scalars/tags")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert {"train/rmse", "validation/accuracy", "best/rmse", "learning_rate"} <= set(tags["movies/svd/one"])
        assert {"validation/ndcg@10", "best/ndcg@10"} <= set(tags["movies/ials/two"])
        where = urlencode({"run": "movies/svd/one", "tag": "validation/rmse"})
        points = asked(f"{address}/data/plugin/scalars/scalars?{where}")
        assert [step for _, step, _ in points] == [row.epoch for row in rows]
        texts = asked(f"{address}/data/plugin/text/tags")
        assert texts["movies/svd/one"] == ["hyperparameters"]
        experiment = asked(f"{address}/data/plugin/hparams/experiment", {"experimentName": ""})
        assert {info["name"] for info in experiment["hparamInfos"]} == set(SETTINGS)
        metrics = [info["name"] for info in experiment["metricInfos"]]
        assert {"best/rmse", "best/ndcg@10"} <= {name["tag"] for name in metrics}
        asking = {"startIndex": 0, "sliceSize": 9, "allowedStatuses": ["STATUS_SUCCESS"]}
        columns = [{"metric": {"tag": "best/rmse", "group": ""}}]
        groups = asked(f"{address}/data/plugin/hparams/session_groups", asking | {"colParams": columns})
        found = {group["name"]: group for group in groups["sessionGroups"]}
        assert set(found) == {"one", "two"}
        values = {one["name"]["tag"]: one["value"] for one in found["one"]["metricValues"]}
        assert values["best/rmse"] == pytest.approx(min(row.validation_rmse or 9 for row in rows), rel=1e-6)
