"""`cofactor recommend MODEL USER`: the top-N list of a user, of a new user given by ratings, or of every user."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.display.terminal import as_json, messages, print_json, print_table, progress, quietly

if TYPE_CHECKING:
    from cofactor.models.base import Model
    from cofactor.models.top_n.recommendations import Recommendation


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("user", required=False)
@click.option("-n", default=10, show_default=True, type=click.IntRange(1), help="Number of items.")
@click.option(
    "--why", default=0, show_default=True, type=click.IntRange(0), help="Number of ratings that explain each item."
)
@click.option("--include-seen", is_flag=True, help="Also list items that the user has rated.")
@click.option("--rated", multiple=True, metavar="ITEM=RATING", help="A rating of a new user. Repeatable.")
@click.option("--all", "everybody", is_flag=True, help="Write the lists of all users to the file of --out.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Parquet file to write, with --all.")
@as_json
@quietly
def recommend(
    model: Path,
    user: str | None,
    n: int,
    why: int,
    include_seen: bool,
    rated: tuple[str, ...],
    everybody: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Recommend items to USER, without those that USER has rated.

    \b
    cofactor recommend models/svd 196 -n 5 --why 2
    cofactor recommend models/svd --rated 50=5 --rated 172=4
    cofactor recommend models/svd --all -o top.parquet
    """
    if sum((user is not None, bool(rated), everybody)) != 1:
        raise click.UsageError("give one of USER, --rated or --all")
    if everybody and why:
        raise click.UsageError("--why is for one list, not for --all")
    if rated and include_seen:
        raise click.UsageError("--include-seen is for a USER or --all: the items of --rated are never listed")
    if everybody is (out is None):
        raise click.UsageError("--all needs --out, and --out needs --all")
    from cofactor.saved.model_folder import load

    loaded = load(model)
    if out is not None:
        write_all(loaded, out, n, exclude_seen=not include_seen, as_json=as_json, quiet=quiet)
        return
    if user is not None:
        listed = loaded.recommend(user, n, exclude_seen=not include_seen, why=why)
    else:
        listed = loaded.recommend_for_ratings(_history(rated), n, why=why)
    show(loaded, listed, {"user": user} if user is not None else {}, as_json=as_json)


def show(model: "Model", listed: "list[Recommendation]", about: dict[str, Any], *, as_json: bool) -> None:
    """Prints a list of items, each with its explanation below it."""
    if as_json:
        from dataclasses import asdict

        print_json({**about, "items": [asdict(one) for one in listed]})
        return
    print_table(*listing(model, listed), left=4)


def listing(model: "Model", listed: "list[Recommendation]") -> tuple[list[list[str]], list[str]]:
    """Rows and headings of a table of items, each followed by its explanation."""
    digits = 2 if model.scale is not None else 4
    rows = []
    for place, one in enumerate(listed, 1):
        rows.append([str(place), one.item, one.title, one.genres.replace("|", ", "), f"{one.score:.{digits}f}"])
        rows += [["", "", f"  {effect}", "", ""] for effect in describe_effects(one)]
    return rows, ["", "item", "title", "genres", "score"]


def write_all(model: "Model", out: Path, n: int, *, exclude_seen: bool, as_json: bool, quiet: bool) -> None:
    """Writes the list of every user to a Parquet file of user, item, rank, score and title."""
    import time

    from cofactor.errors import BadData
    from cofactor.models.top_n.recommend_all import recommend_all

    if out.suffix != ".parquet":
        raise BadData(f"cannot write {out.name}", "name a file that ends in .parquet")
    console = messages(quiet)
    started = time.perf_counter()
    with progress(console, "recommending") as advance:
        rows = recommend_all(model, out, n, exclude_seen=exclude_seen, on_progress=advance)
    users, seconds = len(model.training_data.users), time.perf_counter() - started
    if as_json:
        print_json({"file": str(out), "users": users, "rows": rows, "seconds": seconds})
    else:
        click.echo(out)
    console.print(f"{rows:,} recommendations for {users:,} users in {seconds:.1f} s")


def describe_effects(one: "Recommendation") -> list[str]:
    """The effects of ratings on the score of a recommended item, one a line."""
    return [f"{effect.effect:+.2f} for {effect.title} ({effect.rating:g})" for effect in one.because]


def _history(rated: tuple[str, ...]) -> dict[str, float]:
    history: dict[str, float] = {}
    for item, rating in map(_rating, rated):
        if item in history:
            raise click.BadParameter(f"item {item!r} is rated twice", param_hint="--rated")
        history[item] = rating
    return history


def _rating(text: str) -> tuple[str, float]:
    item, equals, value = text.rpartition("=")
    try:
        if not equals or not item:
            raise ValueError
        return item, float(value)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not ITEM=RATING, such as 50=5", param_hint="--rated") from None
