"""The page and the tables of a search for hyperparameters."""

from functools import partial

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report import html, markdown, trials
from cofactor.report.formatting import error, figure, metric_name, seconds
from cofactor.report.html import Section
from cofactor.report.plots import hyperparameter_plots
from cofactor.report.plots.comparison_plots import Picture
from cofactor.report.tables import Cell, Table

KIND = "Search for hyperparameters"


def picture(search: TrialHistory, name: str) -> Picture:
    return Picture(name, "search", title(search), trials.told(search), partial(hyperparameter_plots.drawn, search))


def page(search: TrialHistory, drawn: str) -> str:
    """The page; `drawn`: the picture as HTML."""
    importance = _importances(search)
    sections = [
        Section("trials", "What was tried", (drawn, html.table(_trials(search)))),
        Section("importance", "What mattered", (html.table(importance),) if importance else ()),
        Section("again", "Training with the best", (html.command(search.command),) if search.command else ()),
    ]
    about = f"{metric_name(search.metric)} on validation ratings; no test rating had a say"
    return html.page(title(search), KIND, about, [trials.told(search)], sections, "Made by cofactor.")


def tables(search: TrialHistory) -> str:
    """The same in Markdown."""
    parts = [
        f"# {markdown.escaped(title(search))}",
        markdown.escaped(trials.told(search)),
        markdown.table(_trials(search)),
    ]
    if importance := _importances(search):
        parts.append(markdown.table(importance))
    if search.command:
        parts.append(markdown.fenced(search.command))
    return "\n\n".join(parts) + "\n"


def title(search: TrialHistory) -> str:
    return f"{search.trainer} on {search.data}"


def _trials(search: TrialHistory) -> Table:
    names = trials.hyperparameters(search)
    best = trials.best_of(search)
    rows = [(str(one.number), _cells(one, names, one is best)) for one in search.trials]
    columns = ["trial", metric_name(search.metric), "state", "epochs", "seconds", "CPU s", *names]
    return Table("Trials", columns, rows, f"±: {trials.spread(search)}. Bold: the best.")


def _cells(one: TrialResult, names: list[str], best: bool) -> list[Cell]:
    values = [Cell(trials.value_shown(one.hyperparameters.get(name, "–"))) for name in names]
    cost = [
        Cell("–" if one.epochs is None else str(one.epochs)),
        Cell(seconds(one.seconds)),
        Cell(seconds(one.cpu_seconds)),
    ]
    return [Cell(figure(one.value), error(one.error), best), Cell(one.state), *cost, *values]


def _importances(search: TrialHistory) -> Table | None:
    rows = [
        (name, [Cell(f"{share:.0%}")]) for name, share in sorted(search.importances.items(), key=lambda one: -one[1])
    ]
    note = "How unlike the best quarter of the trials is to all of them in each (PED-ANOVA), as a share."
    return Table("Importance", ["hyperparameter", "importance"], rows, note) if rows else None
