"""The progress of a comparison: one line for each finished model, and a bar for the current training."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cofactor.errors import CofactorError
from cofactor.evaluation.metrics.registry import metric_label
from cofactor.experiments.comparison.run import ComparisonCallbacks
from cofactor.training.tracking.terminal_console import stderr_console

__all__ = ["ComparisonDisplay"]

if TYPE_CHECKING:
    from cofactor.data.splitting.split import Split
    from cofactor.experiments.comparison.model_result import ModelResult
    from cofactor.training.tracking.epoch_row import EpochRow

ORIGINS = {"trained": [], "reused": ["was trained before"], "loaded": ["saved model"]}


class ComparisonDisplay(ComparisonCallbacks):
    """Shows a comparison on a console, by default on stderr.

    On a terminal a bar moves with every epoch; elsewhere a line announces each training.

    show_details: also print the traceback of a failed training.
    """

    def __init__(self, console: Console | None = None, *, show_details: bool = False) -> None:
        self.console = stderr_console() if console is None else console
        self.show_details = show_details
        self.names: list[str] = []
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[metric]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal or self.console.quiet,
        )
        self.task = self.bar.add_task("", total=None, metric="", visible=False)

    def on_comparison_start(self, names: list[str]) -> None:
        self.names = names
        self.bar.start()

    def on_comparison_end(self) -> None:
        self.bar.stop()

    def on_split(self, name: str, split: "Split", number: int, n_splits: int) -> None:
        if n_splits > 1:
            self._print(f"\n{name} ({number} of {n_splits}): {split!r}", "bold")

    def on_start(self, name: str) -> None:
        self._start_bar(f"{self._numbered(name)} getting ready")
        if self.bar.disable:
            self._print(f"{self._numbered(name)} …")

    def on_epoch(self, name: str, row: "EpochRow | None", n_epochs: int) -> None:
        if row is None:
            self._start_bar(self._numbered(name))
            return
        value, metric = row.validation_rmse, "RMSE"
        if value is None:
            value, metric = row.validation_ndcg, "NDCG@10"
        shown = "" if value is None else f"validation {metric} {value:.4f}"
        self.bar.update(self.task, completed=row.epoch, total=n_epochs, metric=shown)

    def on_evaluate(self, name: str) -> None:
        self._start_bar(f"{self._numbered(name)} evaluating")

    def on_result(self, result: "ModelResult") -> None:
        self.bar.update(self.task, visible=False)
        self._print(f"{self._numbered(result.name)}  {describe_result(result)}")

    def on_failure(self, name: str, error: CofactorError) -> None:
        self.bar.update(self.task, visible=False)
        self._print(f"{self._numbered(name)}  left out: {error.message}", "yellow")
        details = getattr(error, "details", "")
        if details and self.show_details:
            self._print(details)

    def _numbered(self, name: str) -> str:
        number, width = self.names.index(name) + 1, max(map(len, self.names))
        return f"{number:>{len(str(len(self.names)))}}/{len(self.names)} {name:<{width}}"

    def _start_bar(self, description: str) -> None:
        self.bar.remove_task(self.task)  # the total of a task cannot be taken back
        self.task = self.bar.add_task(escape(description), total=None, metric="")

    def _print(self, line: str, style: str | None = None) -> None:
        self.console.print(line, style=style, markup=False)


def describe_result(result: "ModelResult") -> str:
    """The main metrics, the best epoch and the training time of a model, in one line."""
    metrics, curve = result.report.metrics, result.curve
    parts = [f"RMSE {metrics['rmse']:.4f}"] if "rmse" in metrics else []
    parts += [f"{metric_label(name)} {value:.4f}" for name, value in metrics.items() if "ndcg@" in name][:1]
    if result.origin == "trained":
        if curve is not None and len(curve.epochs) > 1:
            parts.append(f"epoch {curve.best_epoch} of {curve.epochs[-1]}")
        parts.append(f"{result.cost.fit_seconds:.1f} s")
    return ", ".join([*parts, *ORIGINS[result.origin]])
