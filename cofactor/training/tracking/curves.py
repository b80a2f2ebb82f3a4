"""The learning curves of a training as a plot. matplotlib is imported on first use."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from cofactor.errors import BadData, Unavailable
from cofactor.output_checks import check_output_file
from cofactor.training.tracking.epoch_row import EpochRow, RowWriter, WriteRow
from cofactor.training.tracking.tracker import RunDescription

__all__ = ["CurvesTracker"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
MAX_MARKERS = 30  # epochs, up to which each is marked by a dot
FIRST_PLOT_SECONDS = 10.0  # into a training
MAX_TIME_SHARE = 0.02  # of the time of a training that plots before its end may take

TRAIN, VALIDATION, INK, FAINT = "#5b6b7f", "#c2410c", "#1f2937", "#d5dae1"


def check_curves(path: Path) -> None:
    """Raises Unavailable where matplotlib is not installed, BadData where the file has another suffix."""
    if path.suffix.lower() not in SUFFIXES:
        raise BadData(f"curves are drawn as {' or '.join(SUFFIXES)}, not as {path.name}", f"as in {path.stem}.png")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        hint = "pip install matplotlib"
        raise Unavailable("curves are drawn by matplotlib, which is not installed", hint) from None


@dataclass(frozen=True)
class CurvesTracker:
    """Draws the learning curves to a file, .png or .svg. Raises what `check_curves` raises."""

    path: Path | str

    def __post_init__(self) -> None:
        check_curves(Path(self.path))

    def open(self, run: RunDescription) -> RowWriter:
        return curves(Path(self.path), f"{run.trainer} on {run.data}")


@contextmanager
def curves(path: Path, title: str) -> Iterator[WriteRow]:
    """A plot of the rows, drawn when the training ends or is interrupted, and now and then before.

    Each is written to a temporary file and renamed, so that the file is complete at any moment.
    """
    check_output_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: list[EpochRow] = []
    due = time.monotonic() + FIRST_PLOT_SECONDS

    def write(row: EpochRow) -> None:
        nonlocal due
        rows.append(row)
        if (began := time.monotonic()) >= due:
            save_plot(draw_curves(rows, title), path)
            now = time.monotonic()
            due = now + (now - began) / MAX_TIME_SHARE

    try:
        yield write
    finally:
        if rows:
            save_plot(draw_curves(rows, title), path)


def save_plot(figure: "Figure", path: Path) -> None:
    """Writes a plot in the format of the file's suffix."""
    temporary = path.with_name(f".{path.name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about letters of a title that the font lacks
            figure.savefig(temporary, format=path.suffix[1:].lower())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def draw_curves(rows: Sequence[EpochRow], title: str) -> "Figure":
    """A panel for each metric that was measured (RMSE, NDCG, else the loss), and a low one for the learning rate."""
    from matplotlib.figure import Figure

    panels = _panels(rows)
    rated = any(row.learning_rate is not None for row in rows)
    heights = [4.0] * len(panels) + [1.0] * rated
    figure = Figure(figsize=(8, 1.2 + 0.85 * sum(heights)), dpi=150, layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    figure.suptitle(title, x=0.015, ha="left", fontsize=14, fontweight="bold", color=INK, parse_math=False)
    best = next((row for row in reversed(rows) if row.best), None)
    for axis, (name, lines) in zip(axes, panels.items(), strict=False):
        _panel(axis, name, lines, best)
    if rated:
        _learning_rate(axes[-1], rows)
    for axis in axes:
        style_axis(axis)
        if best is not None:
            axis.axvline(best.epoch, color=VALIDATION, lw=1, ls=":", zorder=1)  # through all panels
    figure.align_ylabels(axes)
    axes[-1].set_xlabel("epoch")
    axes[-1].set_xlim(rows[0].epoch - 0.5, rows[-1].epoch + 0.5)
    axes[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure


@dataclass(frozen=True)
class Line:
    """One metric over the epochs in which it was measured."""

    label: str
    colour: str
    epochs: list[int]
    values: list[float]


def _line(label: str, colour: str, rows: Sequence[EpochRow], field: str) -> Line | None:
    found = {row.epoch: value for row in rows if (value := getattr(row, field)) is not None and isfinite(value)}
    return Line(label, colour, list(found), list(found.values())) if found else None


def _panels(rows: Sequence[EpochRow]) -> dict[str, list[Line]]:
    """The lines of each panel by its name; the loss only where there is no training RMSE."""
    learned = _line("training", TRAIN, rows, "train_rmse")
    wanted = {
        "RMSE": [learned, _line("validation", VALIDATION, rows, "validation_rmse")],
        "NDCG@10": [_line("validation", VALIDATION, rows, "validation_ndcg")],
        "loss": [] if learned else [_line("training", TRAIN, rows, "train_loss")],
    }
    lines = {name: [line for line in some if line] for name, some in wanted.items()}
    return {name: some for name, some in lines.items() if some} or {"": []}


def _panel(axis: "Axes", name: str, lines: list[Line], best: EpochRow | None) -> None:
    for line in lines:
        few = len(line.epochs) <= MAX_MARKERS
        axis.plot(line.epochs, line.values, color=line.colour, lw=2, marker="o" if few else "", ms=4)
        if best is not None and line.label == "validation" and best.epoch in line.epochs:
            value = line.values[line.epochs.index(best.epoch)]
            axis.plot(best.epoch, value, "o", color=line.colour, ms=9, mec="white", mew=1.5, zorder=3)
            axis.set_title(f"best {name} {value:.4f} in epoch {best.epoch}", loc="right", fontsize=11, color=VALIDATION)
    axis.set_ylabel(name)
    if not lines:
        axis.text(0.5, 0.5, "nothing was measured", transform=axis.transAxes, ha="center", color=TRAIN, fontsize=12)
        axis.set_yticks([])
        return
    axis.set_ylim(*_limits(lines))
    _name_lines(axis, lines)


def _limits(lines: list[Line]) -> tuple[float, float]:
    """Limits of the y axis: of all values, or of the later ones where the first epochs would take two thirds of it."""
    values = [value for line in lines for value in line.values]
    later = [value for line in lines for value in line.values[len(line.values) // 10 + 1 :]] or values
    low, high = min(values), max(values)
    if high - low > 3 * (max(later) - min(later)) > 0:
        low, high = min(later), max(later)
    room = 0.06 * (high - low) or 0.01 * abs(high) or 0.01
    return low - room, high + room


def _name_lines(axis: "Axes", lines: list[Line]) -> None:
    """Puts the name of each line at its end, in its colour, without overlaps."""
    low, high = axis.get_ylim()
    place = -1.0
    for line in sorted(lines, key=lambda one: one.values[-1]):
        end = min(max((line.values[-1] - low) / (high - low), 0.0), 1.0)
        place = max(end, place + 0.075)
        axis.annotate(line.label, (1.01, place), xycoords="axes fraction", va="center", color=line.colour, fontsize=11)


def _learning_rate(axis: "Axes", rows: Sequence[EpochRow]) -> None:
    line = _line("", TRAIN, rows, "learning_rate")
    if line is not None:
        axis.plot(line.epochs, line.values, color=TRAIN, lw=1.5, marker="." if len(line.epochs) <= MAX_MARKERS else "")
        highest = max(line.values)
        axis.set_ylim(0, 1.15 * highest or 1)
        axis.set_yticks([0, highest], ["0", f"{highest:.3g}"])
    axis.set_ylabel("learning\nrate")


def style_axis(axis: "Axes") -> None:
    """Thin grid lines and no box."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(FAINT)
    axis.tick_params(color=FAINT, labelcolor=INK, labelsize=10)
    axis.yaxis.label.set(color=INK, fontsize=11)
    axis.xaxis.label.set(color=INK, fontsize=11)
    axis.grid(axis="y", color=FAINT, lw=0.6)
    axis.set_axisbelow(True)
