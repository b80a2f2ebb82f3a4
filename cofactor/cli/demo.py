"""`cofactor demo`: the whole way on made movie data, from ratings to recommendations with reasons."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.screen import messages, print_table, waiting

if TYPE_CHECKING:
    from cofactor.data.split import Split
    from cofactor.evaluation.compare import Comparison
    from cofactor.experiments.fitted import Fitted
    from cofactor.models.base import Model
    from cofactor.trainers.base import Trainer

SHOWN: dict[
    str, dict[str, Any]
] = {  # what is trained, with which hyperparameters; the last is recommended with and served
    "popularity": {},
    "baseline": {},
    "svd": {"rank": 16, "n_epochs": 40, "l2": 0.03},  # 54 ratings a user, eight planted directions
}
LISTED = 5


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="The folder for the models.",
)
def demo(out: Path) -> None:
    """Train popularity, baseline and SVD on made movie data, compare them and recommend.

    Needs no network and nothing but the base install, and ends by itself within a minute and a half.
    """
    from cofactor.cli.data import SplitRecipe, made
    from cofactor.cli.fitting import fit
    from cofactor.cli.resuming import Keeper
    from cofactor.evaluation.compare import compare
    from cofactor.evaluation.cost import Cost

    console = messages()
    with waiting(console, "making movie ratings"):
        data = made()
        parts = SplitRecipe().split(data.ratings)
    users, items = len(data.ratings.users), len(data.ratings.items)
    console.print(f"{len(data.ratings):,} made ratings by {users:,} users on {items:,} movies, with planted taste\n")
    fitted = {}
    for name in SHOWN:
        console.print(f"cofactor train {_command(name)}", style="bold")
        fitted[name] = fit(Keeper(_trainer(name), parts.train), parts, console, patience=3)
        console.print()
    with waiting(console, "measuring"):
        models = {name: one.model for name, one in fitted.items()}
        costs = {name: Cost(fit_seconds=one.seconds) for name, one in fitted.items()}
        comparison = compare(models, parts.test, (10,), costs=costs)
    _save(fitted, comparison, out)
    _print(comparison, parts, data.best_rmse)
    best = list(fitted)[-1]
    _recommend(models[best])
    folder = out / "models" / best
    console.print("serve it with: make serve", style="bold")
    console.print(f"or: cofactor serve {folder}, and look at http://127.0.0.1:8000/", markup=False)


def _trainer(name: str) -> "Trainer":
    from cofactor.trainers import TRAINERS

    return TRAINERS[name].of(**SHOWN[name])


def _command(name: str) -> str:
    """The arguments of `cofactor train` that make the same trainer."""
    return " ".join([name, *(f"--{one.removeprefix('n_')} {value}" for one, value in SHOWN[name].items())])


def _save(fitted: "dict[str, Fitted]", comparison: "Comparison", out: Path) -> None:
    from cofactor.artifact import save
    from cofactor.cli.data import MADE, SplitRecipe

    for name, one in fitted.items():
        save(
            one.model,
            out / "models" / name,
            trainer=name,
            hyperparameters=_trainer(name).settings(),
            metrics=comparison.metrics[name],
            data=MADE,
            split_recipe=asdict(SplitRecipe()),
            best_epoch=one.best_epoch,
            fit_seconds=round(one.seconds, 3),
        )


def _print(comparison: "Comparison", parts: "Split", best_rmse: float) -> None:
    from cofactor.cli.comparing import cost, worth

    click.echo(f"On {len(parts.test):,} test ratings that no model has seen:\n")
    print_table(*worth(comparison))
    click.echo()
    print_table(*cost(comparison))
    click.echo(f"\nThe best RMSE that is possible on these ratings is {best_rmse:.4f}.\n")


def _recommend(model: "Model") -> None:
    """What somebody liked most, and what is recommended to them."""
    from cofactor.cli.recommend import listing

    catalog = model.catalog
    user = str(catalog.users.ids[0])
    row = catalog.history[[0]]
    liked = sorted(zip(row.data.tolist(), row.indices.tolist(), strict=True), key=lambda one: (-one[0], one[1]))
    click.echo(f"User {user} liked most:\n")
    genres = catalog.genres if catalog.genres is not None else [""] * len(catalog.items)
    rows = [[catalog.title(item), genres[item].replace("|", ", "), f"{rating:g}"] for rating, item in liked[:LISTED]]
    print_table(rows, ["title", "genres", "rated"], left=2)
    click.echo(f"\nRecommended to user {user}, with the rating that speaks most for each:\n")
    print_table(*listing(model, model.recommend(user, LISTED, why=1)), left=4)
    click.echo()
