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

all_option = click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Train on every rating, for serving. A validation part chooses the epoch first; nothing is tested.",
)
