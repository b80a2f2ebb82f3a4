"""The hyperparameters of a trainer as options of the command line."""

import math
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

if TYPE_CHECKING:
    from cofactor.training.hyperparameter import Hyperparameter


class TrainCommand(click.Command):
    """A command whose help lists the hyperparameters under a heading of their own."""

    hyperparameters: tuple[str, ...] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, wanted in (("Hyperparameters", True), ("Options", False)):
            options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
            shown = [p for p in options if (p.name in self.hyperparameters) is wanted]
            records = [record for p in shown if (record := p.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def make_option(parameter: "Hyperparameter") -> click.Option:
    """The option of the command line for a hyperparameter."""
    plain = parameter.name.replace("_", "-")
    flags = [f"--{plain}/--no-{plain}"] if parameter.type is bool else [f"--{plain}"]
    if plain.startswith("n-"):  # a count has a short name too: --epochs
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
    limits = [
        f"{word} {bound:g}"
        for word, bound in (("at least", bounds.low), ("at most", bounds.high))
        if math.isfinite(bound)
    ]
    return "; " + ", ".join(limits) if limits else ""


def _sentence(text: str) -> str:
    """The text with a full stop, and a capital letter unless it begins with a symbol."""
    return (text[:1].upper() if text[:1].isascii() else text[:1]) + text[1:] + "."
