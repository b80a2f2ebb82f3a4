"""`cofactor tune TRAINER [DATA]`: a search for better hyperparameters; its options are those of `cofactor train`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.display.terminal import as_json, quietly
from cofactor.cli.options.data_argument import reading_options
from cofactor.cli.options.hyperparameters import TrainCommand, make_option
from cofactor.cli.options.split import split_options
from cofactor.cli.options.splits import protocol_option
from cofactor.cli.train import Trainers

if TYPE_CHECKING:
    from cofactor.trainers.base import Trainer
    from cofactor.training.hyperparameter import Hyperparameter

ALL = "all"
NOT_TUNED = ("popularity", "network")  # the one has nothing to tune, the other is `ensemble` by another name


class Tuners(Trainers):
    """A command for each trainer, and `all`; `--trainer NAME` is another way of naming it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [ALL, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from cofactor.trainers import TRAINERS

        if cmd_name == ALL:
            return _command_of_all()
        return _command(TRAINERS[cmd_name]) if cmd_name in TRAINERS else None

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


@click.group(cls=Tuners, name="tune", subcommand_metavar="TRAINER [DATA] …")
def tune() -> None:
    """Search for the hyperparameters that do best on validation ratings.

    The defaults are tried first, then what the trials so far make likely to be better, within the ranges that the
    trainer states. The test part is not read before the search is over, and then once. DATA is what `cofactor train`
    takes; TRAINER may be `all`. Of several splits, as a --protocol has them, the first is searched and tested on.
    Ctrl-C ends the search and reports; the same command with --resume goes on with it.
    """


def _command(trainer: "type[Trainer]") -> click.Command:
    """The command of one trainer."""

    @_of_one
    @_common
    def run(data: str | None, **options: Any) -> None:
        from cofactor.cli.searching import Wanted
        from cofactor.cli.tuning import space_of, tune_one

        given = {p.name: value for p in tuned if (value := options.pop(p.name)) is not None}
        space = space_of(trainer, given, options["seed"], options)
        tune_one(Wanted.of(data, options), space, sweep=bool(options["sweep"]))

    tuned = [p for p in trainer.hyperparameters() if p.name != "seed"]
    made = click.command(cls=TrainCommand, name=trainer.name, help=_help(trainer))(run)
    made.hyperparameters = tuple(p.name for p in tuned)
    made.params[:0] = [make_option(_unset(p)) for p in tuned]
    return made


def _command_of_all() -> click.Command:
    @_common
    def run(data: str | None, **options: Any) -> None:
        from cofactor.cli.searching import Wanted
        from cofactor.cli.tuning import tune_all
        from cofactor.trainers import TRAINERS

        tune_all(Wanted.of(data, options), [one for name, one in TRAINERS.items() if name not in NOT_TUNED])

    said = "Search for every trainer in turn, each with its share of the time that is left, and compare what was found."
    return click.command(name=ALL, help=said)(run)


def _of_one(command: Any) -> Any:
    for option in (
        click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Of each point of a sweep."),
        click.option(
            "--sweep",
            multiple=True,
            metavar="NAME=VALUE,…",
            help="Instead of searching, try each of these values, and each with each of another --sweep.",
        ),
        click.option("--fix", multiple=True, metavar="NAME=VALUE,…", help="Keep these as they are; as --NAME VALUE."),
        click.option("--only", multiple=True, metavar="NAME,…", help="Search these, and keep the defaults of others."),
        click.option(
            "--over",
            multiple=True,
            metavar="NAME=LOW:HIGH,…",
            help="Search these ranges instead of those stated, or besides. Also LOW:HIGH:log, and WORD:WORD.",
        ),
    ):
        command = option(command)
    return command


def _common(command: Any) -> Any:
    """What is asked of every search."""
    for option in (
        quietly,
        as_json,
        reading_options,
        split_options,
        protocol_option,
        click.option("--test/--no-test", default=True, show_default=True, help="Read the test part at the end, once."),
        click.option("--resume", is_flag=True, help="Go on with the search in the study, where there is one."),
        click.option("--study", type=click.Path(path_type=Path, dir_okay=False), help="[default: study.db in OUT]"),
        click.option(
            "-o",
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            help="The folder for the study, and for the trials as page, CSV and JSON [default: tuning/TRAINER].",
        ),
        click.option("--patience", type=click.IntRange(1), default=3, show_default=True, help="As of `train`."),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of split, training, search."
        ),
        click.option(
            "--inner-folds",
            type=click.IntRange(2, 20),
            help="Judge by so many folds of train and validation part together [default: by the validation part].",
        ),
        click.option(
            "--jobs", type=click.IntRange(1, 256), help="Trainings side by side [default: one a core, 8 at most]."
        ),
        click.option(
            "--minutes",
            type=click.FloatRange(0, min_open=True),
            help="Of this run, the end included: the best and the defaults once more, and the test part.",
        ),
        click.option(
            "--trials", type=click.IntRange(1), help="In all runs [default: 50, or 10 minutes, whichever is first]."
        ),
        click.argument("data", required=False),
    ):
        command = option(command)
    return command


def _unset(parameter: "Hyperparameter") -> "Hyperparameter":
    """As an option that fixes it; its help says where it is searched."""
    from cofactor.experiments.tuning.search_space import NumericAxis, default_axis

    axis = default_axis(parameter)
    where = (
        "" if axis is None else f"searched in {', '.join(axis.choices)}" if not isinstance(axis, NumericAxis) else ""
    )
    if isinstance(axis, NumericAxis):
        where = f"searched from {axis.low:g} to {axis.high:g}"
    said = f"{parameter.help} [{where or 'not searched'}]"
    return replace(parameter, default=None, help=said)


def _help(trainer: "type[Trainer]") -> str:
    return f"Search for better hyperparameters of {trainer.name}. Those given as options are kept as given."
