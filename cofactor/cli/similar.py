"""`cofactor similar MODEL ITEM`: the items most similar to one."""

from pathlib import Path

import click

from cofactor.cli.terminal import as_json, print_json, print_table


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("item")
@click.option("-n", default=10, show_default=True, type=click.IntRange(1), help="Number of items.")
@as_json
def similar(model: Path, item: str, n: int, as_json: bool) -> None:
    """List the items most similar to ITEM, an id of the data."""
    from dataclasses import asdict

    from cofactor.report.text.recommendations import similar_items_table
    from cofactor.saved.model_folder import load

    loaded = load(model)
    listed = loaded.similar_items(item, n)
    if as_json:
        print_json({"item": item, "items": [asdict(one) for one in listed]})
        return
    print_table(similar_items_table(listed))
