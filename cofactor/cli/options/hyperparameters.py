"""The hyperparameters of a trainer as options of the command line."""

import math
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

if TYPE_CHECKING:
    from cofactor.training.hyperparameter import Hyperparameter


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


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a symbol, and a full stop."""
    return (text[:1].upper() if text[:1].isascii() else text[:1]) + text[1:] + "."
