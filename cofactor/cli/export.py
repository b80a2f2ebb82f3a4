"""`cofactor export DATA`: writes ratings, or the parts of a split, as files for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import open_split, read_ratings, reading_options, source_from_options
from cofactor.cli.terminal import as_json, messages, print_json, print_path, progress, quietly

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.data.ratings import Ratings
    from cofactor.data.splitting.split import Split


@click.command()
@click.argument("data", required=False, default="synthetic")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write [default: export/NAME].")
@click.option(
    "--format",
    type=click.Choice(["tfrecord", "csv", "parquet"]),
    default="tfrecord",
    show_default=True,
    help="tfrecord: a record for each user; csv, parquet: one file with the columns user, item, rating, time.",
)
@click.option("--shards", type=click.IntRange(1), help="Number of TFRecord files.")
@click.option("--per-shard", type=click.IntRange(1), help="Number of users in each TFRecord file  [default: 100000]")
@click.option("--compress", type=click.Choice(["gzip"]), help="Compression of the TFRecord or CSV files.")
@reading_options
@as_json
@quietly
def export(out: Path | None, data: str, **options: Any) -> None:
    """Write DATA to a folder, for TensorFlow or another program. The folder can be read back as DATA.

    The parts of a split are written to the folders train, validation and test, with the fingerprint of the split.

    \b
    cofactor export ml-1m -o records --shards 8 --compress gzip
    cofactor export splits/ml-1m -o records/ml-1m
    """
    import time

    from cofactor.data.exporting.export import ExportOptions
    from cofactor.data.exporting.export import export as write
    from cofactor.data.kind import values_noun
    from cofactor.data.splitting.split import Split
    from cofactor.output_checks import check_output_folder

    named = {name: options.pop(name) for name in ("format", "shards", "per_shard")}
    form = ExportOptions(**named, gzipped=options.pop("compress") is not None)
    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    source = source_from_options(data, options)
    out = out or Path("export") / Path(source.name).stem
    check_output_folder(out)
    opened = _open(source, console)
    started = time.perf_counter()
    with progress(console, "exporting") as advance:
        write(opened, out, form, progress=advance)
    seconds = time.perf_counter() - started
    files = [str(file) for file in sorted(out.rglob("*")) if file.is_file()]
    if as_json:
        print_json({"folder": str(out), "format": form.format, **_counts(opened), "files": files, "seconds": seconds})
    else:
        print_path(out)
    ratings = sum(_counts(opened)["ratings"].values())
    kind = (opened.train if isinstance(opened, Split) else opened).kind
    console.print(f"{ratings:,} {values_noun(kind)} into {len(files):,} files in {seconds:.1f} s", markup=False)


def _open(source: "DataSource", console: "Console") -> "Ratings | Split":
    from cofactor.data.splitting.recipe import SplitRecipe

    if source.is_split():
        return open_split(source, SplitRecipe(), console)[0]
    return read_ratings(source, console)


def _counts(opened: "Ratings | Split") -> dict[str, Any]:
    """The number of ratings in each part; "all" where the data are not split."""
    from cofactor.data.ratings import Ratings

    if isinstance(opened, Ratings):
        return {"split": opened.split, "ratings": {"all": len(opened)}}
    return {"split": opened.fingerprint, "ratings": {name: len(part) for name, part in opened.parts.items()}}
