"""A comparison while it goes on: a line for each model that is done, and a bar for the one that is being trained."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cofactor.cli import debugging
from cofactor.errors import CofactorError
from cofactor.evaluation.metrics.registry import metric_label

if TYPE_CHECKING:
    from cofactor.data.splitting.split import Split
    from cofactor.experiments.comparison.candidates import ModelResult
    from cofactor.training.tracking.epoch_row import EpochRow


class Watching:
    """On a terminal the bar moves with every epoch; elsewhere a line says what begins, so that nothing seems stuck."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self.console, self.names = console, names
        self.width = max(map(len, names), default=0)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figure]}"),
            TimeElapsedColumn(),
        )
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal or console.quiet)
        self.task = self.bar.add_task("", total=None, figure="", visible=False)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.bar)
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    def split(self, name: str, split: "Split", number: int, of: int) -> None:
        if of > 1:
            self._say(f"\n{name} ({number} of {of}): {split!r}", "bold")

    def begin(self, name: str) -> None:
        self._bar(f"{self._which(name)} getting ready")
        if self.bar.disable:
            self._say(f"{self._which(name)} …")

    def epoch(self, name: str, row: "EpochRow | None", of: int) -> None:
        if row is None:
            self._bar(self._which(name))
            return
        figure, metric = row.validation_rmse, "RMSE"
        if figure is None:
            figure, metric = row.validation_ndcg, "NDCG@10"
        shown = "" if figure is None else f"validation {metric} {figure:.4f}"
        self.bar.update(self.task, completed=row.epoch, total=of, figure=shown)

    def measure(self, name: str) -> None:
        self._bar(f"{self._which(name)} measuring")

    def done(self, entry: "ModelResult") -> None:
        self.bar.update(self.task, visible=False)
        self._say(f"{self._which(entry.name)}  {told(entry)}")

    def failed(self, name: str, error: CofactorError) -> None:
        self.bar.update(self.task, visible=False)
        self._say(f"{self._which(name)}  left out: {error.message}", "yellow")
        details = getattr(error, "details", "")
        if details and debugging():
            self._say(details)

    def _which(self, name: str) -> str:
        number = self.names.index(name) + 1
        return f"{number:>{len(str(len(self.names)))}}/{len(self.names)} {name:<{self.width}}"

    def _bar(self, what: str) -> None:
        self.bar.remove_task(self.task)  # a bar keeps its total, whatever it is told
        self.task = self.bar.add_task(escape(what), total=None, figure="")

    def _say(self, line: str, style: str | None = None) -> None:
        self.console.print(line, style=style, markup=False)


def told(entry: "ModelResult") -> str:
    """What became of a model, in a line."""
    metrics, cost = entry.report.metrics, entry.cost
    said = []
    if "rmse" in metrics:
        said.append(f"RMSE {metrics['rmse']:.4f}")
    said += [f"{metric_label(name)} {value:.4f}" for name, value in metrics.items() if "ndcg@" in name][:1]
    if entry.origin == "trained" and entry.curve is not None and len(entry.curve.epochs) > 1:
        said.append(f"epoch {entry.curve.best_epoch} of {entry.curve.epochs[-1]}")
    if entry.origin == "trained":
        said.append(f"{cost.fit_seconds:.1f} s")
    said += {"kept": ["was trained before"], "brought": ["saved model"], "trained": []}[entry.origin]
    return ", ".join(said)
