"""`cofactor train TRAINER [DATA]`: one command for each trainer, its options made from its hyperparameters."""

import inspect
import math
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from cofactor.cli import unknown_choice
from cofactor.cli.display.terminal import as_json, quietly
from cofactor.cli.options.data_argument import reading_options, source_from_options
from cofactor.cli.options.tracking import Tracking, tracking_options
from cofactor.cli.options.warm_start import Starting, start_options
from cofactor.data.splitting.recipe import SplitRecipe

if TYPE_CHECKING:
    from cofactor.trainers.base import Trainer
    from cofactor.training.hyperparameter import Hyperparameter


class Trainers(click.Group):
    """A command for each entry of TRAINERS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from cofactor.trainers import TRAINERS

        return list(TRAINERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from cofactor.trainers import TRAINERS

        return _command(TRAINERS[cmd_name]) if cmd_name in TRAINERS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from cofactor.trainers import TRAINERS

        if args[0] not in TRAINERS and not args[0].startswith("-"):
            raise unknown_choice("trainer", args[0], TRAINERS)
        return super().resolve_command(ctx, args)


class TrainCommand(click.Command):
    """Shows the hyperparameters under a heading of their own."""

    tuned: tuple[str, ...] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, wanted in (("Hyperparameters", True), ("Options", False)):
            options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
            shown = [p for p in options if (p.name in self.tuned) is wanted]
            records = [record for p in shown if (record := p.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


@click.group(cls=Trainers, name="train", subcommand_metavar="TRAINER [DATA] …")
def train() -> None:
    """Train a model, measure it on the test part and save it as a folder.

    DATA is a known name (ml-100k), a file, a MovieLens folder or zip, or a folder made by `cofactor split`; without it,
    synthetic ratings. DATA that is not split is split in memory, as `cofactor split` does by default.
    Ctrl-C keeps the best epoch so far.
    """


def _command(trainer: "type[Trainer]") -> click.Command:
    """The command of one trainer."""

    @click.argument("data", required=False)
    @click.option(
        "-o",
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("models") / trainer.name,
        show_default=True,
        help="The folder to save the model as.",
    )
    @click.option("--seed", type=int, default=0, show_default=True, help="Of the split and of the training.")
    @click.option("--patience", type=click.IntRange(1), default=3, show_default=True, help="Epochs to wait for a best.")
    @click.option("--refit", is_flag=True, help="Then train again on train and validation part, as many epochs.")
    @tracking_options
    @click.option("--checkpoint", type=click.Path(path_type=Path, file_okay=False), help="A folder for the last epoch.")
    @click.option("--resume", is_flag=True, help="Go on from the checkpoint, where there is one.")
    @split_options
    @reading_options
    @as_json
    @quietly
    def run(data: str | None, **options: Any) -> None:
        from cofactor.cli.training import train

        chosen = {p.name: options.pop(p.name) for p in tuned}
        if seeded:
            chosen["seed"] = options["seed"]
        source = source_from_options(data, options)
        recipe = recipe_of(options)
        starting = Starting.of(trainer, options)
        train(trainer.of(**chosen), source, recipe, starting=starting, tracking=Tracking.of(options), **options)

    seeded = any(p.name == "seed" for p in trainer.hyperparameters())
    tuned = [p for p in trainer.hyperparameters() if p.name != "seed"]
    made = click.command(cls=TrainCommand, name=trainer.name, help=_described(trainer), short_help=_in_a_line(trainer))(
        run
    )
    made.tuned = tuple(p.name for p in tuned)
    made.params[:0] = [option_of(p) for p in tuned]
    made.params += start_options(trainer)
    return made


def split_options(command: Any) -> Any:
    """How DATA is split where it is not a split yet; the defaults of `cofactor split`."""
    default = SplitRecipe()
    share = click.FloatRange(0, 1, max_open=True)
    for option in (
        click.option(
            "--validation-share",
            type=share,
            default=default.validation,
            show_default=True,
            help="Of the rest, to choose the epoch on.",
        ),
        click.option(
            "--test-share", type=share, default=default.test, show_default=True, help="Of all ratings, to measure on."
        ),
        click.option(
            "--cut",
            metavar="DATE",
            callback=_moment,
            help="Test what was rated from a date on, or from so many seconds since 1970 on; in place of --kind.",
        ),
        click.option(
            "--kind",
            type=click.Choice(["random", "per-user", "time", "last", "one"]),
            default=default.kind,
            show_default=True,
            help="How to split: at random, a share of each user's, the latest of all, each user's last, or any one.",
        ),
    ):
        command = option(command)
    return command


def recipe_of(options: dict[str, Any]) -> SplitRecipe:
    """The recipe in the split options, which are taken out of `options` with the seed."""
    shares = options.pop("test_share"), options.pop("validation_share")
    return SplitRecipe(options.pop("kind"), options.pop("seed"), *shares, cut=_cut(options.pop("cut")))


def _moment(context: click.Context, parameter: click.Parameter, written: str | None) -> int | None:
    """Seconds since 1970, of those or of a date with a time of day or without, in UTC where no zone is given."""
    if written is None:
        return None
    try:
        if re.fullmatch(r"-?\d+", written):
            return int(written)
        moment = datetime.fromisoformat(written)
    except ValueError:
        said = f"{written!r} is neither a date such as 2000-11-01 nor seconds since 1970"
        raise click.BadParameter(said, context, parameter) from None
    return math.ceil((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _cut(moment: int | None) -> int | None:
    """A cut, which leaves nothing for the kind and the test share to say."""
    context = click.get_current_context()
    for name in ("kind", "test_share") if moment is not None else ():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} has no say in --cut")
    return moment


def option_of(parameter: "Hyperparameter") -> click.Option:
    """A hyperparameter as an option of the command line."""
    plain = parameter.name.replace("_", "-")
    flags = [f"--{plain}/--no-{plain}"] if parameter.type is bool else [f"--{plain}"]
    if plain.startswith("n-"):  # a count: also as people say it, --epochs
        flags.insert(0, f"--{plain[2:]}")
    return click.Option(
        [*flags, parameter.name],
        type=_type(parameter.type),
        default=parameter.default,
        show_default=True,
        help=_sentence(parameter.help + _range(parameter)),
    )


def _type(kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    return kind


def _range(parameter: "Hyperparameter") -> str:
    bounds = parameter.bounds
    said = [
        f"{word} {bound:g}"
        for word, bound in (("at least", bounds.low), ("at most", bounds.high))
        if math.isfinite(bound)
    ]
    return "; " + ", ".join(said) if said else ""


def _in_a_line(trainer: "type[Trainer]") -> str:
    """What a trainer's module says that it is, in its first line."""
    said = inspect.cleandoc(sys.modules[trainer.__module__].__doc__ or trainer.name)
    return said.partition("\n")[0]


def _described(trainer: "type[Trainer]") -> str:
    """That line, and the trainer's docstring with its lines as they stand."""
    paragraphs = inspect.cleandoc(trainer.__doc__ or "").split("\n\n")
    return "\n\n".join([_in_a_line(trainer), *(f"\b\n{p}" for p in paragraphs)])


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a symbol, and a full stop."""
    return (text[:1].upper() if text[:1].isascii() else text[:1]) + text[1:] + "."
