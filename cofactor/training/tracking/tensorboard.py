"""Trainings as TensorBoard shows them: figures over epochs, hyperparameters, and how both go together.

Written with TensorBoard's own records and messages, which are imported only when somebody asks for them, and
need neither TensorFlow nor PyTorch. Its EventFileWriter would load TensorFlow where that is installed, and writes in a
thread whose errors come late and as a traceback: a plain file has neither fault.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from os import getpid
from pathlib import Path
from socket import gethostname
from typing import Any

from cofactor.errors import Unavailable
from cofactor.training.tracking.epoch_row import EpochRow, WriteRow

Setting = bool | int | float | str
HINT = "pip install 'cofactor[tracking]'"
MOST_LETTERS = 100  # of the hyperparameters in a folder's name
PART = re.compile("^(train|validation)_")


def check_tensorboard() -> None:
    """Raises Unavailable where TensorBoard is not installed."""
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise Unavailable("event files need TensorBoard, which is not installed", HINT) from error


def run_name(began: datetime, changed: Mapping[str, Setting]) -> str:
    """The name of one training among others: when it began, to the millisecond, and what is not as by default.

    As "20260131-235959.123,rank=64,l2=0.05": names in alphabetical order are trainings in the order of time.
    """
    settings = "".join(f",{name}={value}" for name, value in changed.items())
    when = began.strftime("%Y%m%d-%H%M%S.%f")[:-3]
    return when + re.sub(r"[^\w.,=+-]", "-", settings)[:MOST_LETTERS]


@contextmanager
def event_files(folder: Path, settings: Mapping[str, Setting]) -> Iterator[WriteRow]:
    """Event files in a run's folder, which is made; complete after every row.

    Each figure of a row is a scalar at its epoch, and so are the figures of the best epoch until then, as `best/…`. The
    settings are a table among the texts, and a line in the HParams plugin with the last scalars as its metrics.

    A folder with event files in it is that of a training that goes on: from the first row on, what stands in them is
    replaced.
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
                best.update(_of_the_best(row))
            values = [_scalar(tag, value) for tag, value in (scalars(row) | best).items()]
            _add(writer, row.epoch, row.at, summary=_summary(*values))

        status = "STATUS_FAILURE"
        try:
            yield write
            status = "STATUS_SUCCESS"
        except (KeyboardInterrupt, GeneratorExit):  # somebody has seen enough
            status = "STATUS_SUCCESS"
            raise
        finally:
            _add(writer, 0, time.time(), summary=_summary(_ended(status)))


def scalars(row: EpochRow) -> dict[str, float]:
    """What was measured, by tag; `train_rmse` is `train/rmse`, so that a part's figures stand together."""
    measured = {name: figure for name, figure in row.by_column().items() if figure is not None}
    return {PART.sub(r"\1/", name): float(figure) for name, figure in measured.items() if name not in ("epoch", "best")}


def _of_the_best(row: EpochRow) -> dict[str, float]:
    """What was measured on validation: only that makes an epoch the best."""
    part, figures = "validation/", scalars(row)
    best = {f"best/{tag.removeprefix(part)}": x for tag, x in figures.items() if tag.startswith(part)}
    return {"best/epoch": float(row.epoch)} | best


# ---- TensorBoard's messages ---------------------------------------------------------------------------------------


def _opened(folder: Path) -> Any:
    """A new event file. Those of one folder are read in the order of their names, so the time comes first."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
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
