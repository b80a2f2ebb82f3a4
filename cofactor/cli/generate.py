"""`cofactor generate`: made ratings of any size into a file."""

from pathlib import Path

import click

from cofactor.cli.display.terminal import as_json, messages, print_json, progress, quietly


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
@click.option("--users", type=Count(), default=2_000, show_default=True, help="Such as 2000 or 1e6.")
@click.option("--items", type=Count(), default=800, show_default=True, help="Movies.")
@click.option("--per-user", type=Count(), default=60, show_default=True, help="Ratings of each user.")
@click.option(
    "--pattern",
    type=click.Choice(["taste", "grouped", "uniform"]),
    default="taste",
    show_default=True,
    help="See above.",
)
@click.option("--rank", type=Count(), default=8, show_default=True, help="Width of the planted vectors, or groups.")
@click.option("--noise", type=float, default=0.5, show_default=True, help="Standard deviation, in stars.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other ratings.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("ratings.parquet"),
    show_default=True,
    help="The .parquet file to write; titles and genres go into a file beside it.",
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
    """Make ratings with planted taste, popular items, half stars, times, titles and genres.

    taste: low-rank taste and noise at a known best-possible RMSE; grouped: users and items in groups; uniform: nothing
    to learn. The same options make the same ratings.
    """
    import time

    from cofactor.data.synthetic.generate import generate_parquet
    from cofactor.errors import BadData

    if out.suffix != ".parquet":
        raise BadData(f"cannot write {out.name}", "name a file that ends in .parquet")
    console = messages(quiet)
    started = time.perf_counter()
    with progress(console, "generating") as moved:
        made = generate_parquet(
            out,
            users,
            items,
            per_user,
            seed=seed,
            pattern=pattern,  # type: ignore[arg-type]  # one of its words, checked by click
            rank=rank,
            noise=noise,
            progress=moved,
        )
    seconds = time.perf_counter() - started
    if as_json:
        files = {"ratings": str(made.ratings), "items": str(made.items)}
        print_json({**files, "rows": made.rows, "best_rmse": made.best_rmse, "seconds": seconds})
    else:
        click.echo(made.ratings)
    console.print(f"{made.rows:,} ratings in {seconds:.1f} s; the best possible RMSE on them is {made.best_rmse:.4f}")
