"""The page and the tables of a search for hyperparameters."""

from functools import partial

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report import html, markdown, trials
from cofactor.report.formatting import format_error, format_metric, format_seconds, metric_name
from cofactor.report.html import Section
from cofactor.report.plots import hyperparameter_plots
from cofactor.report.plots.comparison_plots import Plot
from cofactor.report.tables import Cell, ReportTable

KIND = "Search for hyperparameters"


def picture(search: TrialHistory, name: str) -> Plot:
    return Plot(name, "search", title(search), trials.describe(search), partial(hyperparameter_plots.draw, search))


def page(search: TrialHistory, plot: str) -> str:
    """The page as HTML; `plot`: the plot as HTML."""
    importance = _importances(search)
    sections = [
        Section("trials", "Trials", (plot, html.table(_trials(search)))),
        Section("importance", "Importance of hyperparameters", (html.table(importance),) if importance else ()),
        Section("again", "Training the best model", (html.command(search.command),) if search.command else ()),
    ]
    about = f"{metric_name(search.metric)} on validation ratings; the test ratings were not used"
    return html.page(title(search), KIND, about, [trials.describe(search)], sections, "Made by cofactor.")


def tables(search: TrialHistory) -> str:
    """The same in Markdown."""
    parts = [
        f"# {markdown.escaped(title(search))}",
        markdown.escaped(trials.describe(search)),
        markdown.table(_trials(search)),
    ]
    if importance := _importances(search):
        parts.append(markdown.table(importance))
    if search.command:
        parts.append(markdown.fenced(search.command))
    return "\n\n".join(parts) + "\n"


def title(search: TrialHistory) -> str:
    return f"{search.trainer} on {search.data}"


def _trials(search: TrialHistory) -> ReportTable:
    names = trials.hyperparameters(search)
    best = trials.best_trial(search)
    rows = [(str(one.number), _cells(one, names, one is best)) for one in search.trials]
    columns = ["trial", metric_name(search.metric), "state", "epochs", "seconds", "CPU s", *names]
    return ReportTable("Trials", columns, rows, f"±: {trials.error_kind(search)}. Bold: the best.")


def _cells(one: TrialResult, names: list[str], best: bool) -> list[Cell]:
    values = [Cell(trials.format_value(one.hyperparameters.get(name, "–"))) for name in names]
    cost = [
        Cell("–" if one.epochs is None else str(one.epochs)),
        Cell(format_seconds(one.seconds)),
        Cell(format_seconds(one.cpu_seconds)),
    ]
    return [Cell(format_metric(one.value), format_error(one.error), best), Cell(one.state), *cost, *values]


def _importances(search: TrialHistory) -> ReportTable | None:
    rows = [
        (name, [Cell(f"{share:.0%}")]) for name, share in sorted(search.importances.items(), key=lambda one: -one[1])
    ]
    note = (
        "PED-ANOVA: how much the best quarter of the trials differs from all trials in each hyperparameter, as a share."
    )
    return ReportTable("Importance", ["hyperparameter", "importance"], rows, note) if rows else None
