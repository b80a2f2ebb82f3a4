"""The progress of a search: a line for each trial and, on a terminal, a table of the running trials below."""

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cofactor.experiments.tuning.search import Budget, SearchCallbacks, best_trial
from cofactor.experiments.tuning.study import RunningTrial, Study
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.training.tracking.terminal_console import stderr_console

__all__ = ["SearchDisplay"]

REFRESH = 4  # times a second


class SearchDisplay(SearchCallbacks):
    """Shows a search on a console, by default on stderr.

    On a terminal, a line for each trial that is the best so far or failed, and a table of the running trials;
    elsewhere, a line for every trial.

        cofactor.tune(SVD, parts, callbacks=SearchDisplay())
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = stderr_console() if console is None else console
        self.running: dict[int, tuple[RunningTrial, float, float, float | None]] = {}
        self.live: Live | None = None

    def on_search_start(self, study: Study, budget: Budget) -> None:
        self.study, self.budget = study, budget
        if self.console.is_terminal and not self.console.quiet:
            self.live = Live(self._make_table(), console=self.console, transient=True, refresh_per_second=REFRESH)
            self.live.start()

    def on_search_end(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def on_start(self, trial: RunningTrial) -> None:
        self.running[trial.number] = trial, time.monotonic(), 0.0, None

    def on_progress(self, trial: RunningTrial, share: float, value: float) -> None:
        started = self.running[trial.number][1]
        self.running[trial.number] = trial, started, share, value

    def on_end(self, trial: TrialResult, best: bool, why: str) -> None:
        self.running.pop(trial.number, None)
        if self.live is None or best or trial.state == "failed":
            line = self._line(trial, best) + (f"  {why}" if why else "")
            self.console.print(line, style="green" if best else None, markup=False)

    def on_poll(self) -> None:
        if self.live is not None:
            self.live.update(self._make_table())

    def _line(self, trial: TrialResult, best: bool) -> str:
        value = "" if trial.value is None else f"{self._metric()} {trial.value:.4f}{'*' if best else ' '}"
        first = "defaults" if not trial.number and dict(trial.hyperparameters) == self.study.space.default() else ""
        values = first or describe_values(trial.hyperparameters)
        return f"{trial.number:>5}  {trial.state:<6}  {value:<15}  {trial.seconds:6.1f} s  {values}"

    def _make_table(self) -> Table:
        """The counts, the best value and the time left, and a row for each running trial."""
        table = Table.grid(padding=(0, 2))
        done, pruned, failed = (
            sum(one.state == state for one in self.study.trials) for state in ("done", "pruned", "failed")
        )
        of = "" if self.budget.trials == float("inf") else f" of {self.budget.trials:.0f} trials"
        parts = [f"{done} done, {pruned} pruned" + (f", {failed} failed" if failed else "") + of]
        best = best_trial(self.study.trials, self.study.metric)
        parts += [] if best is None else [f"best {self._metric()} {best.value:.4f}"]
        parts += [] if self.budget.seconds == float("inf") else [f"{_clock(self.budget.left)} left"]
        table.add_row(Text(self.study.space.trainer.name, style="bold"), Text(" · ".join(parts)))
        for trial, since, share, value in self.running.values():
            at = "" if value is None else f"{self._metric()} {value:.4f} "
            progress = f"{share:4.0%} {at}{time.monotonic() - since:5.1f} s"
            table.add_row(
                Text(f"trial {trial.number}"),
                Text(f"{progress}  {describe_values(trial.values)}", overflow="ellipsis"),
            )
        return table

    def _metric(self) -> str:
        return format_metric(self.study.metric or "")


def format_metric(metric: str) -> str:
    """The metric as it is written in tables: RMSE, NDCG@10."""
    return metric.upper()


def describe_values(values: Any) -> str:
    """Hyperparameters in one line."""
    return " ".join(f"{name}={format_value(value)}" for name, value in values.items())


def format_value(value: Any) -> str:
    """A value for a table."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d}"
