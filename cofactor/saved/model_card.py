"""The README.md of a saved model."""

from collections.abc import Mapping
from typing import Any

from cofactor.saved.manifest import NAME


def card(manifest: Mapping[str, Any], name: str) -> str:
    """The README.md of a model folder: what it is, what it scores, and how to use it."""
    counts, scale = manifest["counts"], manifest["scale"]
    does = (
        "ranks items and predicts no ratings" if scale is None else f"predicts ratings of {scale[0]:g} to {scale[1]:g}"
    )
    described = f"`{manifest['kind']}` model by trainer `{_cell(manifest['trainer'] or 'unnamed')}`; it {does}."
    return "\n".join(
        [
            f"# {_cell(name)}",
            "",
            f"A {described}",
            f"Made {manifest['created']} with cofactor {manifest['packages'].get('cofactor', '?')} from",
            f"{counts['ratings']:,} ratings of {counts['items']:,} items by {counts['users']:,} users"
            + (f", split `{_cell(manifest['split'])}`." if manifest["split"] else "."),
            *_table("Figures", manifest["metrics"]),
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
            "from cofactor.saved.model_folder import load",
            "",
            'load(".").recommend("USER_ID", n=5)',
            "```",
            "",
            f"Every file here is named with its digest in `{NAME}`; a changed one is refused on loading.",
            "",
        ]
    )


def _without_curve(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Notes as a table can hold them: of the learning curve, how many epochs it has."""
    curve = notes.get("curve")
    return {**notes, "curve": f"{len(curve)} epochs, in {NAME}"} if isinstance(curve, list) else dict(notes)


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    if not rows:
        return []
    shown = {
        name: f"{value:.4f}" if isinstance(value, float) and title == "Figures" else value
        for name, value in rows.items()
    }
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in shown.items()]
    return ["", f"## {title}", "", "| | |", "|---|---|", *lines]


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("`", "'")
