"""`cofactor explain MODEL USER ITEM`: the effect of each of a user's ratings on the score of an item."""

from pathlib import Path

import click

from cofactor.cli.terminal import as_json, print_json, print_table, print_text


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("user")
@click.argument("item")
@click.option("-n", default=5, show_default=True, type=click.IntRange(1), help="Number of ratings.")
@as_json
def explain(model: Path, user: str, item: str, n: int, as_json: bool) -> None:
    """Explain the score of ITEM for USER by the ratings of USER.

    The effect of a rating is the item's score with it minus the score without it.
    """
    from dataclasses import asdict

    from cofactor.control_characters import escape_controls
    from cofactor.report.text.recommendations import effects_table
    from cofactor.saved.model_folder import load

    loaded = load(model)
    training_data = loaded.training_data
    score = float(loaded.predict([user], [item])[0])
    because = loaded.explain(user, item, n)
    title = training_data.title(training_data.items.row(item))
    if as_json:
        print_json(
            {"user": user, "item": item, "title": title, "score": score, "because": [asdict(b) for b in because]}
        )
        return
    print_text(escape_controls(f"{title}: {score:.2f} for user {user}"))
    print_table(effects_table(because, training_data.kind))
