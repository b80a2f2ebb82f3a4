"""`cofactor recommend MODEL USER`: the top-N list of a user, of a new user given by ratings, or of every user."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.list_filters import given_filters, list_filters
from cofactor.cli.terminal import as_json, messages, print_json, print_path, print_table, progress, quietly

if TYPE_CHECKING:
    from cofactor.models.base import Model


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
@list_filters
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
    **filters: Any,
) -> None:
    """Recommend items to USER, without those that USER has rated.

    \b
    cofactor recommend models/svd 196 -n 5 --why 2
    cofactor recommend models/svd --rated 50=5 --rated 172=4
    cofactor recommend models/svd 196 --genre Drama --year-from 1990 --diversity 0.3
    cofactor recommend models/svd --all -o top.parquet
    """
    filters = given_filters(**filters)
    if sum((user is not None, bool(rated), everybody)) != 1:
        raise click.UsageError("give one of USER, --rated or --all")
    if everybody and why:
        raise click.UsageError("--why is for one list, not for --all")
    if everybody and filters:
        raise click.UsageError("filters are for one list, not for --all")
    if rated and include_seen:
        raise click.UsageError("--include-seen is for a USER or --all: the items of --rated are never listed")
    if everybody is (out is None):
        raise click.UsageError("--all needs --out, and --out needs --all")
    from cofactor.output_checks import check_output_file
    from cofactor.report.text.recommendations import recommendations_table
    from cofactor.saved.model_folder import load

    if out is not None:
        check_suffix(out)
        check_output_file(out)
    loaded = load(model)
    if out is not None:
        _write_all(loaded, out, n, include_seen=include_seen, as_json=as_json, quiet=quiet)
        return
    if user is not None:
        listed = loaded.recommend(user, n, include_seen=include_seen, why=why, **filters)
    else:
        listed = loaded.recommend_for_ratings(_history(rated), n, why=why, **filters)
    if as_json:
        about = {"user": user} if user is not None else {}
        print_json({**about, "items": [asdict(one) for one in listed]})
    else:
        print_table(recommendations_table(loaded, listed))


def _write_all(model: "Model", out: Path, n: int, *, include_seen: bool, as_json: bool, quiet: bool) -> None:
    """Writes the list of every user to a Parquet file of user, item, rank, score and title."""
    import time

    from cofactor.models.top_n.recommend_all import recommend_all

    console = messages(quiet)
    started = time.perf_counter()
    with progress(console, "recommending") as advance:
        rows = recommend_all(model, out, n, include_seen=include_seen, on_progress=advance)
    users, seconds = len(model.training_data.users), time.perf_counter() - started
    if as_json:
        print_json({"file": str(out), "users": users, "rows": rows, "seconds": seconds})
    else:
        print_path(out)
    console.print(f"{rows:,} recommendations for {users:,} users in {seconds:.1f} s")


def check_suffix(out: Path) -> None:
    """Raises BadData for a file that is not named as one of Parquet."""
    from cofactor.errors import BadData

    if out.suffix != ".parquet":
        raise BadData(f"cannot write {out.name}", "name a file that ends in .parquet")


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
