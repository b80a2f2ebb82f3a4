"""Runs in TensorBoard: metrics by epoch, hyperparameters, and the final metrics of each set of hyperparameters.

The files are written with TensorBoard's own record writer and messages, which are imported on first use and need
neither TensorFlow nor PyTorch. Its EventFileWriter is not used: it loads TensorFlow where that is installed, and writes
in a thread whose errors arrive late and as a traceback.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from socket import gethostname
from typing import Any

from cofactor.errors import Unavailable
from cofactor.output_checks import real_path, write_errors
from cofactor.training.tracking.epoch_row import EpochRow, RowWriter, WriteRow
from cofactor.training.tracking.tracker import RunDescription

__all__ = ["TensorBoardTracker"]

Setting = bool | int | float | str
HINT = "pip install 'cofactor[tracking]'"
PART = re.compile("^(train|validation)_")


def check_tensorboard() -> None:
    """Raises Unavailable where TensorBoard is not installed."""
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError:
        raise Unavailable("event files need TensorBoard, which is not installed", HINT) from None


@dataclass(frozen=True)
class TensorBoardTracker:
    """Writes event files to FOLDER/DATA/TRAINER/RUN; a resumed run continues in its own folder.

    Raises Unavailable where TensorBoard is not installed.
    """

    folder: Path | str

    def __post_init__(self) -> None:
        check_tensorboard()

    def open(self, run: RunDescription) -> RowWriter:
        settings = {"data": run.data, "trainer": run.trainer, **run.hyperparameters}
        data = run.data.lstrip(".") or "data"  # the name of the data may be ".."
        return event_files(Path(self.folder) / data / run.trainer / run.name, settings)


@contextmanager
def event_files(folder: Path, settings: Mapping[str, Setting]) -> Iterator[WriteRow]:
    """Event files in the folder of a run, which is created; complete after every row.

    Each value of a row is a scalar at its epoch, and so are the values of the best epoch until then, as `best/…`. The
    settings are a table among the texts, and a row in the HParams plugin with the last scalars as its metrics.

    Event files that are in the folder already belong to the same run, which is resumed: readers replace their contents
    from the first row on.
    """
    best: dict[str, float] = {}
    begun = False
    with closing(_opened(folder)) as writer:
        _add(writer, 0, time.time(), summary=_summary(_started(folder.name, settings), _text(settings)))

        def write(row: EpochRow) -> None:
            nonlocal begun
            if not begun:
                _add(writer, row.epoch, row.at, session_log=_replacing())
                begun = True
            if row.best:
                best.update(_best_scalars(row))
            values = [_scalar(tag, value) for tag, value in (scalars(row) | best).items()]
            _add(writer, row.epoch, row.at, summary=_summary(*values))

        status = "STATUS_FAILURE"
        try:
            yield write
            status = "STATUS_SUCCESS"
        except (KeyboardInterrupt, GeneratorExit):  # the user has stopped it
            status = "STATUS_SUCCESS"
            raise
        finally:
            _add(writer, 0, time.time(), summary=_summary(_ended(status)))


def scalars(row: EpochRow) -> dict[str, float]:
    """The values of a row by tag; `train_rmse` is `train/rmse`, so that TensorBoard groups the metrics of a part."""
    measured = {name: value for name, value in row.by_column().items() if value is not None}
    return {PART.sub(r"\1/", name): float(value) for name, value in measured.items() if name not in ("epoch", "best")}


def _best_scalars(row: EpochRow) -> dict[str, float]:
    """The validation metrics of the best epoch, and its number."""
    part, values = "validation/", scalars(row)
    best = {f"best/{tag.removeprefix(part)}": x for tag, x in values.items() if tag.startswith(part)}
    return {"best/epoch": float(row.epoch)} | best


# ---- TensorBoard's messages ---------------------------------------------------------------------------------------


def _opened(folder: Path) -> Any:
    """A new event file. Those of one folder are read in the order of their names, so the time comes first."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    now = time.time()
    with write_errors(folder):
        folder = real_path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"events.out.tfevents.{now:017.6f}.{gethostname()}.{getpid()}").open("xb")
    writer = RecordWriter(file)
    _add(writer, 0, now, file_version="brain.Event:2")
    return writer


def _add(writer: Any, step: int, at: float, **what: Any) -> None:
    from tensorboard.compat.proto.event_pb2 import Event

    writer.write(Event(wall_time=at, step=step, **what).SerializeToString())
    writer.flush()


def _summary(*values: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=values)


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def _text(settings: Mapping[str, Setting]) -> Any:
    """The settings as a table in Markdown."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.metadata import create_summary_metadata

    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in settings.items())]
    tensor = TensorProto(dtype=DT_STRING, string_val=["\n".join(lines).encode()])
    return Summary.Value(tag="hyperparameters", tensor=tensor, metadata=create_summary_metadata("", ""))


def _started(run: str, settings: Mapping[str, Setting]) -> Any:
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

    info = SessionStartInfo(group_name=run, start_time_secs=time.time())
    for name, value in settings.items():
        kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        setattr(info.hparams[name], f"{kind}_value", value)
    return _session(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def _ended(status: str) -> Any:
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    info = SessionEndInfo(status=getattr(api_pb2, status), end_time_secs=time.time())
    return _session(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _session(tag: str, content: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, create_summary_metadata

    return Summary.Value(tag=tag, tensor=NULL_TENSOR, metadata=create_summary_metadata(content))


def _replacing() -> Any:
    """The mark from whose step on readers forget what they have read before."""
    from tensorboard.compat.proto.event_pb2 import SessionLog

    return SessionLog(status=SessionLog.START)
