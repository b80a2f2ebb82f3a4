"""`cofactor generate`: synthetic ratings of any size into a file."""

from pathlib import Path

import click

from cofactor.cli.options.seed import seed_option
from cofactor.cli.terminal import as_json, messages, print_json, print_path, progress, quietly


class Count(click.ParamType[int]):
    """A whole number, also as 1e6 or 1_000_000."""

    name = "count"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = float(str(value))
            if number != int(number) or number < 1:
                raise ValueError
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a whole number from 1, such as 1000 or 1e6", param, ctx)
        return int(number)


@click.command()
@click.option("--users", type=Count(), default=2_000, show_default=True, help="Number of users, such as 2000 or 1e6.")
@click.option("--items", type=Count(), default=800, show_default=True, help="Number of items.")
@click.option("--per-user", type=Count(), default=60, show_default=True, help="Number of ratings per user.")
@click.option(
    "--pattern",
    type=click.Choice(["taste", "grouped", "uniform"]),
    default="taste",
    show_default=True,
    help="Ground truth of the ratings, as described above.",
)
@click.option(
    "--rank", type=Count(), default=8, show_default=True, help="Width of latent vectors, or number of groups."
)
@click.option("--noise", type=float, default=0.5, show_default=True, help="Standard deviation of the noise, in stars.")
@seed_option("of the ratings")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("ratings.parquet"),
    show_default=True,
    help="Parquet file to write; titles and genres go to a second file next to it.",
)
@as_json
@quietly
def generate(
    users: int,
    items: int,
    per_user: int,
    pattern: str,
    rank: int,
    noise: float,
    seed: int,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Generate synthetic ratings with popular items, half stars, times, titles and genres.

    taste: latent vectors of users and items, and noise; grouped: users and items in groups; uniform: nothing to learn.
    The lowest RMSE that a model can reach is known. The same options give the same ratings.
    """
    import time

    from cofactor.data.synthetic.generate import generate_parquet
    from cofactor.errors import BadData

    if out.suffix != ".parquet":
        raise BadData(f"cannot write {out.name}", "name a file that ends in .parquet")
    console = messages(quiet)
    started = time.perf_counter()
    with progress(console, "generating") as advance:
        files = generate_parquet(
            out,
            users,
            items,
            per_user,
            seed=seed,
            pattern=pattern,  # type: ignore[arg-type]  # one of the choices, checked by click
            rank=rank,
            noise=noise,
            progress=advance,
        )
    seconds = time.perf_counter() - started
    if as_json:
        paths = {"ratings": str(files.ratings), "items": str(files.items)}
        print_json({**paths, "rows": files.rows, "best_rmse": files.best_rmse, "seconds": seconds})
    else:
        print_path(files.ratings)
    console.print(f"{files.rows:,} ratings in {seconds:.1f} s; the best possible RMSE on them is {files.best_rmse:.4f}")
