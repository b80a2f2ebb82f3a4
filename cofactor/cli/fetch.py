"""`cofactor fetch NAME`: downloads a known data set into the data folder."""

from pathlib import Path

import click

from cofactor.cli import unknown_choice
from cofactor.cli.options.data_argument import data_folder
from cofactor.cli.terminal import as_json, messages, print_json, print_path, print_table, progress, quietly
from cofactor.data.tables.text_table import TextTable


@click.command()
@click.argument("name", required=False)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Zip file to use instead of a download.",
)
@data_folder
@as_json
@quietly
def fetch(name: str | None, archive: Path | None, data_folder: Path, as_json: bool, quiet: bool) -> None:
    """Download the data set NAME into the data folder and check it; without NAME, list the known data sets.

    Prints the path of the data set. A data set that is already there is not downloaded again.
    """
    from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn

    from cofactor.data.datasets.fetch import fetch
    from cofactor.data.datasets.known import DATASETS

    if name is None:
        _list(data_folder, as_json)
        return
    if name not in DATASETS:
        raise unknown_choice("data set", name, list(DATASETS))
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with progress(messages(quiet), "download", *columns) as advance:
        path = fetch(name, data_folder, archive=archive, progress=advance)
    if as_json:
        print_json({"name": name, "path": str(path)})
    else:
        print_path(path)


def _list(folder: Path, as_json: bool) -> None:
    from cofactor.data.datasets.known import DATASETS

    here = {name: str(folder / name) if (folder / name).exists() else None for name in DATASETS}
    if as_json:
        print_json(here)
    else:
        rows = [[name, path or "not fetched"] for name, path in here.items()]
        print_table(TextTable(rows, ["name", "where"], left=2))
