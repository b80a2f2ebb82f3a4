"""The options of a training that several commands have."""

import click

patience_option = click.option(
    "--patience",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Number of epochs without improvement on the validation part after which training stops.",
)

refit_option = click.option(
    "--refit",
    is_flag=True,
    help="Train once more on the train and validation parts together, for the best number of epochs.",
)
