"""The model card, which is README.md in the folder of a saved model."""

from collections.abc import Mapping
from typing import Any

from cofactor.data.kind import values_noun
from cofactor.saved.manifest import NAME


def write_card(manifest: Mapping[str, Any], name: str) -> str:
    """The text of README.md: kind, data, metrics and hyperparameters of the model, and how to use it."""
    counts, scale = manifest["counts"], manifest["scale"]
    does = (
        "ranks items and predicts no ratings" if scale is None else f"predicts ratings of {scale[0]:g} to {scale[1]:g}"
    )
    values = values_noun(manifest["ratings"].get("kind", "ratings"))
    summary = f"`{manifest['kind']}` model by trainer `{_cell(manifest['trainer'] or 'unnamed')}`; it {does}."
    return "\n".join(
        [
            f"# {_cell(name)}",
            "",
            f"A {summary}",
            f"Created {manifest['created']} with cofactor {manifest['packages'].get('cofactor', '?')} from",
            f"{counts['ratings']:,} {values} of {counts['items']:,} items by {counts['users']:,} users"
            + (f", split `{_cell(manifest['split'])}`." if manifest["split"] else "."),
            *_table("Metrics", manifest["metrics"]),
            *_table("Hyperparameters", manifest["hyperparameters"]),
            *_table("Notes", _without_curve(manifest["notes"])),
            "",
            "## Use",
            "",
            "```console",
            "$ cofactor recommend . USER_ID -n 5",
            "$ cofactor serve .",
            "```",
            "",
            "```python",
            "import cofactor",
            "",
            'cofactor.load(".").recommend("USER_ID", n=5)',
            "```",
            "",
            f"`{NAME}` contains a digest of every other file. A folder with a changed file cannot be loaded.",
            "",
        ]
    )


def _without_curve(notes: Mapping[str, Any]) -> dict[str, Any]:
    """The notes for a table, with the number of epochs instead of the learning curve."""
    curve = notes.get("curve")
    return {**notes, "curve": f"{len(curve)} epochs, in {NAME}"} if isinstance(curve, list) else dict(notes)


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    if not rows:
        return []
    shown = {
        name: f"{value:.4f}" if isinstance(value, float) and title == "Metrics" else value
        for name, value in rows.items()
    }
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in shown.items()]
    return ["", f"## {title}", "", "| | |", "|---|---|", *lines]


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("`", "'")
