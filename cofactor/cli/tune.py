"""`cofactor tune TRAINER [DATA]`: a search for better hyperparameters; its options are those of `cofactor train`."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import reading_options, source_from_options
from cofactor.cli.options.finite_range import FiniteRange
from cofactor.cli.options.hyperparameters import TrainCommand, make_option
from cofactor.cli.options.plan import make_plan, protocol_option
from cofactor.cli.options.renamed_option import renamed
from cofactor.cli.options.seed import seed_option
from cofactor.cli.options.split import split_options, take_recipe
from cofactor.cli.options.training import patience_option
from cofactor.cli.terminal import as_json, drawing, messages, print_json, print_paragraphs, quietly, waiting
from cofactor.cli.train import TrainerGroup
from cofactor.errors import BadHyperparameter, CofactorError

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.cli.options.train_command import TrainingArguments
    from cofactor.experiments.tuning.result import SearchResult
    from cofactor.experiments.tuning.search_space import SearchSpace
    from cofactor.experiments.tuning.session import TuningSession
    from cofactor.trainers.base import Trainer
    from cofactor.training.hyperparameter import Hyperparameter

ALL = "all"


class TunerGroup(TrainerGroup):
    """A command for each trainer, and `all`; `--trainer NAME` is accepted as well."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [ALL, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from cofactor.trainers import TRAINERS

        if cmd_name == ALL:
            return _make_command_for_all()
        return _make_command(TRAINERS[cmd_name]) if cmd_name in TRAINERS else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("--trainer="):
            args = [args[0].partition("=")[2], *args[1:]]
        return super().parse_args(ctx, args[1:] if args[:1] == ["--trainer"] else args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == ALL:
            return ALL, self.get_command(ctx, ALL), args[1:]
        return super().resolve_command(ctx, args)


@click.group(cls=TunerGroup, name="tune", subcommand_metavar="TRAINER [DATA] …")
def tune() -> None:
    """Search for the hyperparameters that do best on validation ratings.

    The defaults are tried first, then points within the search ranges of the trainer that the trials so far make likely
    to be better. The test part is read once, after the search. DATA is the same as for `cofactor train`; TRAINER may be
    `all`. With several splits, such as those of a --protocol, the first split is used. Ctrl-C ends the search and
    reports its result; the same command with --resume continues it.
    """


def _make_command(trainer: "type[Trainer]") -> click.Command:
    """The command of one trainer."""

    @_trainer_options
    @_search_options
    def run(data: str | None, **options: Any) -> None:
        given = {p.name: value for p in tuned if (value := options.pop(p.name)) is not None}
        space = _make_space(trainer, given, options)
        _tune_one(_Request.from_options(data, options), space, sweep=bool(options["sweep"]))

    tuned = [p for p in trainer.hyperparameters() if p.name != "seed"]
    text = f"Search for better hyperparameters of {trainer.name}. Hyperparameters given as options are fixed."
    command = click.command(cls=TrainCommand, name=trainer.name, help=text)(run)
    command.hyperparameters = tuple(p.name for p in tuned)
    command.params[:0] = [make_option(_as_fixed_value(p)) for p in tuned]
    return command


def _make_command_for_all() -> click.Command:
    @_search_options
    def run(data: str | None, **options: Any) -> None:
        from cofactor.trainers import TRAINERS

        trainers = [one for one in TRAINERS.values() if one.tunable()]
        _tune_all(_Request.from_options(data, options), trainers, options["seed"])

    text = "Search for every trainer in turn, each with an equal share of the remaining time, and compare the results."
    return click.command(name=ALL, help=text)(run)


def _trainer_options(command: Any) -> Any:
    """The options of a search for one trainer."""
    for option in (
        click.option(
            "--seeds",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Number of seeds for each point of a sweep.",
        ),
        click.option(
            "--sweep",
            multiple=True,
            metavar="NAME=VALUE,…",
            help="Try each of these values instead of searching. Several sweeps make a grid.",
        ),
        click.option(
            "--fix", multiple=True, metavar="NAME=VALUE,…", help="Fix these hyperparameters, as --NAME VALUE does."
        ),
        click.option(
            "--only", multiple=True, metavar="NAME,…", help="Search only these; the others keep their defaults."
        ),
        renamed(
            "--range",
            "--over",
            multiple=True,
            metavar="NAME=LOW:HIGH,…",
            help="Search these ranges instead of, or besides, the trainer's. Also LOW:HIGH:log and CHOICE:CHOICE.",
        ),
    ):
        command = option(command)
    return command


def _search_options(command: Any) -> Any:
    """The options of every search."""
    for option in (
        quietly,
        as_json,
        reading_options,
        split_options,
        protocol_option,
        click.option("--no-test", is_flag=True, help="Do not evaluate on the test part at the end."),
        click.option("--resume", is_flag=True, help="Continue the search in the study file, if there is one."),
        click.option(
            "--study",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Study file to write and to resume [default: study.db in OUT].",
        ),
        click.option(
            "-o",
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder for the study, and for the trials as a page, CSV and JSON [default: tuning/TRAINER].",
        ),
        patience_option,
        seed_option("for the split, for training and for the search"),
        click.option(
            "--inner-folds",
            type=click.IntRange(2, 20),
            help="Evaluate trials on this many folds of train and validation part [default: on the validation part].",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(1, 256),
            help="Number of parallel trainings [default: one for each core, at most 8].",
        ),
        click.option(
            "--minutes",
            type=FiniteRange(0, min_open=True),
            help="Time limit of this run, including the evaluation on the test part.",
        ),
        click.option(
            "--trials",
            type=click.IntRange(1),
            help="Number of trials over all runs [default: 50, or 10 minutes, whichever is first].",
        ),
        click.argument("data", required=False),
    ):
        command = option(command)
    return command


def _as_fixed_value(parameter: "Hyperparameter") -> "Hyperparameter":
    """A hyperparameter as an option that fixes it; the help text gives its search range."""
    from cofactor.experiments.tuning.search_space import CategoricalAxis, NumericAxis, default_axis

    axis, note = default_axis(parameter), "not searched"
    if isinstance(axis, NumericAxis):
        note = f"searched from {axis.low:g} to {axis.high:g}"
    elif isinstance(axis, CategoricalAxis):
        note = f"searched in {', '.join(map(str, axis.choices))}"
    return replace(parameter, default=None, help=f"{parameter.help} [{note}]")


def _make_space(trainer: "type[Trainer]", given: Mapping[str, Any], options: Mapping[str, Any]) -> "SearchSpace":
    """The search ranges of a trainer as the options change them, or the grid of a sweep."""
    from cofactor.experiments.tuning.search_space import SearchSpace, parse_fixed, parse_grid, split_assignments

    texts = [*options["range"], *options["only"], *options["fix"], *options["sweep"]]
    if any(name == "seed" for name, _ in split_assignments(texts)):
        hint = "--seed sets it for split, training and search, and --seeds for a sweep"
        raise BadHyperparameter("the seed cannot be searched", hint)
    fixed = {**given, **parse_fixed(trainer, options["fix"])}
    if options["sweep"]:
        if options["range"] or options["only"]:
            raise BadHyperparameter("a sweep tries the given values only", "leave --range and --only out")
        grid = SearchSpace.grid(trainer, parse_grid(trainer, options["sweep"]), fixed, options["seeds"])
        return grid.with_seed(options["seed"])
    if options["seeds"] > 1:
        raise BadHyperparameter("--seeds needs a --sweep", "give the values, as in --sweep rank=8,16,32")
    space = SearchSpace.for_trainer(trainer, ranges=options["range"], only=options["only"], fixed=fixed)
    if not space.axes:
        raise BadHyperparameter(
            f"{trainer.name}: there is nothing to search", "give a range, as in --range NAME=LOW:HIGH"
        )
    return space.with_seed(options["seed"])


@dataclass(frozen=True, eq=False)
class _Request:
    """The parsed options of every search."""

    options: dict[str, Any]  # of TuningOptions
    training: "TrainingArguments"
    plan: Any
    out: Path | None
    as_json: bool
    console: "Console"

    @classmethod
    def from_options(cls, data: str | None, options: dict[str, Any]) -> "_Request":
        """Reads the data. The options of every search are taken out of `options`."""
        from cofactor.cli.options.train_command import TrainingArguments
        from cofactor.experiments.tuning.session import first_split_plan
        from cofactor.experiments.tuning.tune import DEFAULT_MINUTES, DEFAULT_TRIALS
        from cofactor.output_checks import check_output_file, check_output_folder

        started = time.monotonic()
        if options["out"] is not None:
            check_output_folder(options["out"])
        if options["study"] is not None:
            check_output_file(options["study"])
        source, seed = source_from_options(data, options), options["seed"]
        recipe, protocol, patience = take_recipe(options), options.pop("protocol"), options.pop("patience")
        options["seed"] = seed
        n_trials, minutes = options.pop("trials"), options.pop("minutes")
        if n_trials is None and minutes is None and not options.get("sweep"):
            n_trials, minutes = DEFAULT_TRIALS, DEFAULT_MINUTES
        tuning = {
            "seed": seed,
            "patience": patience,
            "inner_folds": options.pop("inner_folds") or 0,
            "n_trials": n_trials or math.inf,
            "seconds": 60 * minutes if minutes else math.inf,
            "started": started,
            "test": not options.pop("no_test"),
            **{name: options.pop(name) for name in ("jobs", "study", "resume")},
        }
        out, json, console = options.pop("out"), options.pop("as_json"), messages(options.pop("quiet"))
        whole = make_plan(source, recipe, {"protocol": protocol}, console)
        plan, name, _ = first_split_plan(whole)
        if whole.n_splits > 1:
            console.print(f"searched and tested on {name}, the first of {whole.n_splits} splits", markup=False)
            if protocol is None and not source.is_synthetic:
                source = source.subfolder(name)
        return cls(tuning, TrainingArguments(source, plan.recipe, protocol, seed, patience), plan, out, json, console)

    def session(self, folder: Path, **changes: Any) -> "TuningSession":
        """The session of the search, whose result prints the command line that trains with the best."""
        from cofactor.cli.options.train_command import train_command
        from cofactor.experiments.tuning.session import TuningOptions, TuningSession

        options = TuningOptions(**self.options | changes)
        return TuningSession(self.plan, options, folder, lambda trainer: train_command(self.training, trainer))


def _search(
    session: "TuningSession", space: "SearchSpace", console: "Console", *, share: float = 1.0, sweep: bool = False
) -> "SearchResult":
    """Runs one search, shown on the terminal; the first Ctrl-C ends it, the second quits the program."""
    from cofactor.experiments.tuning.stop_on_interrupt import stop_on_interrupt
    from cofactor.report.progress.search_display import SearchDisplay

    def announce_end() -> None:
        console.print("ending the search; Ctrl-C again quits", style="yellow")

    study, budget = session.open_study(space, sweep=sweep), session.options.budget(share)
    if n := len(study.trials):
        console.print(f"resuming {session.storage.path} after {n} trials", markup=False)
    with stop_on_interrupt(announce_end) as is_stopped:
        return session.search(study, budget, SearchDisplay(console), is_stopped, sweep=sweep)


def _tune_one(request: _Request, space: "SearchSpace", *, sweep: bool) -> None:
    """Searches or sweeps one trainer, and prints the result."""
    from cofactor.experiments.tuning.session import choose_jobs
    from cofactor.report.search_files import write_search_result
    from cofactor.report.text.tuning import describe_search, describe_sweep

    console, folder = request.console, request.out or Path("tuning") / space.trainer.name
    with request.session(folder, jobs=choose_jobs(space, request.options["jobs"])) as session:
        result = _search(session, space, console, sweep=sweep)
        write_search_result(result, folder)
        if not sweep and session.options.test and result.ending != "interrupted":
            try:
                with waiting(console, "training the best and the defaults, and evaluating them on the test part"):
                    result = session.evaluate_on_test(result)
            except KeyboardInterrupt:
                console.print("interrupted: the test part was not read", style="yellow")
            write_search_result(result, folder)
    console.print(f"written to {folder}: search.html, trials.csv, search.json, study.db\n", markup=False)
    if request.as_json:
        print_json(result.as_dict())
    else:
        print_paragraphs(describe_sweep(result) if sweep else describe_search(result, session.plan.metrics))


def _tune_all(request: _Request, trainers: "list[type[Trainer]]", seed: int) -> None:
    """Searches for each trainer in turn, and compares the best of each."""
    from cofactor.experiments.tuning.tune_all import search_each
    from cofactor.report.search_files import write_search_result
    from cofactor.report.text.tuning import describe_searches

    console, folder = request.console, request.out or Path("tuning/all")
    results: list[SearchResult] = []

    def search(space: "SearchSpace", share: float) -> "SearchResult":
        number = trainers.index(space.trainer) + 1
        console.print(f"{space.trainer.name}, {number} of {len(trainers)}", style="bold")
        return _search(session, space, console, share=share)

    with request.session(folder) as session:
        for trainer, found in search_each(trainers, seed, search):
            if isinstance(found, CofactorError):
                console.print(f"{trainer.name} is left out: {found.message}", style="yellow", markup=False)
                continue
            results.append(found)
            write_search_result(found, folder / trainer.name)
        if not results:
            raise BadHyperparameter("no trainer could be tuned", "the messages above give the reasons")
        tested = _compare_on_test(request, session, results, folder)
        for one in tested:
            write_search_result(one, folder / one.space.trainer.name)
    console.print(f"written to {folder}: a folder for each trainer, and study.db\n", markup=False)
    if request.as_json:
        print_json([one.as_dict() for one in tested])
    else:
        print_paragraphs(describe_searches(tested, session.plan.metrics))


def _compare_on_test(
    request: _Request, session: "TuningSession", results: "list[SearchResult]", folder: Path
) -> "list[SearchResult]":
    """The results with a comparison of the best of each trainer on the test part; the report goes to the folder, the
    models to folder/models."""
    from cofactor.cli.options.train_command import compare_command
    from cofactor.experiments.tuning.tune_all import can_compare, compare_tuned
    from cofactor.report.progress.comparison_display import ComparisonDisplay
    from cofactor.report.write import write_report

    if not can_compare(session, results):
        return results
    console, training = request.console, request.training
    best = {one.space.trainer.name: one.trainer for one in results}
    command = compare_command(training, best, str(folder / "again"))
    notes = {"data": training.source.name, "split_recipe": session.plan.recipe, **training.source.notes()}
    try:
        tested, summary = compare_tuned(
            session,
            results,
            ComparisonDisplay(console),
            out=folder / "models",
            notes=lambda split: notes,
            command=command,
        )
    except KeyboardInterrupt:
        console.print("interrupted: the test part was not read", style="yellow")
        return results
    with drawing(console) as advance:
        write_report(summary, folder, advance)
    console.print(f"the report: {click.format_filename(folder / 'report.html')}", markup=False)
    return tested
