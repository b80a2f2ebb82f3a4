"""A search as it goes: a line for each trial that brings something, and below them, on a terminal, how it stands."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cofactor.experiments.tuning.search import Budget, SearchCallbacks, best_trial
from cofactor.experiments.tuning.study import RunningTrial, Study
from cofactor.experiments.tuning.trial import TrialResult

REFRESH = 4  # times a second


@contextmanager
def listening(console: Console) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; the second time it quits the program."""
    pressed = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        console.print("ending the search; Ctrl-C again quits", style="yellow")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class Screen(SearchCallbacks):
    """What a person sees of a search. On a terminal the trials that are the best so far have a line, elsewhere all."""

    study: Study
    budget: Budget
    console: Console
    n_jobs: int
    running: dict[int, tuple[RunningTrial, float, float, float | None]] = field(default_factory=dict)
    live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.console.quiet:
            self.live = Live(self._standing(), console=self.console, transient=True, refresh_per_second=REFRESH)
            self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.live is not None:
            self.live.__exit__(*error)

    def began(self, candidate: RunningTrial) -> None:
        self.running[candidate.number] = candidate, time.monotonic(), 0.0, None

    def reached(self, candidate: RunningTrial, share: float, value: float) -> None:
        began = self.running[candidate.number][1]
        self.running[candidate.number] = candidate, began, share, value

    def ended(self, trial: TrialResult, best: bool, why: str) -> None:
        self.running.pop(trial.number, None)
        if self.live is None or best or trial.state == "failed":
            said = self._line(trial, best) + (f"  {why}" if why else "")
            self.console.print(said, style="green" if best else None, markup=False)

    def passed(self) -> None:
        if self.live is not None:
            self.live.update(self._standing())

    def _line(self, trial: TrialResult, best: bool) -> str:
        value = "" if trial.value is None else f"{self._metric()} {trial.value:.4f}{'*' if best else ' '}"
        first = "defaults" if not trial.number and dict(trial.hyperparameters) == self.study.space.default() else ""
        values = first or told(trial.hyperparameters)
        return f"{trial.number:>5}  {trial.state:<6}  {value:<15}  {trial.seconds:6.1f} s  {values}"

    def _standing(self) -> Table:
        """How the search stands, and what is being tried."""
        table = Table.grid(padding=(0, 2))
        done, pruned, failed = (
            sum(one.state == state for one in self.study.trials) for state in ("done", "pruned", "failed")
        )
        of = "" if self.budget.trials == float("inf") else f" of {self.budget.trials:.0f} trials"
        said = [f"{done} done, {pruned} pruned" + (f", {failed} failed" if failed else "") + of]
        best = best_trial(self.study.trials, self.study.metric)
        said += [] if best is None else [f"best {self._metric()} {best.value:.4f}"]
        said += [] if self.budget.seconds == float("inf") else [f"{_clock(self.budget.left)} left"]
        table.add_row(Text(self.study.space.trainer.name, style="bold"), Text(" · ".join(said)))
        for candidate, since, share, value in self.running.values():
            at = "" if value is None else f"{self._metric()} {value:.4f} "
            progress = f"{share:4.0%} {at}{time.monotonic() - since:5.1f} s"
            table.add_row(
                Text(f"trial {candidate.number}"), Text(f"{progress}  {told(candidate.values)}", overflow="ellipsis")
            )
        return table

    def _metric(self) -> str:
        return shown_metric(self.study.metric or "")


def shown_metric(metric: str) -> str:
    """As people write it."""
    return metric.upper()


def told(values: Any) -> str:
    """Hyperparameters in a line."""
    return " ".join(f"{name}={shown(value)}" for name, value in values.items())


def shown(value: Any) -> str:
    """A value for a table."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d}"
