"""Draws layers.svg, the picture of the packages in architecture.md: `python docs/draw_layers.py`.

The layers are those of import-linter in pyproject.toml, the captions those of the table in architecture.md.
"""

import re
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
WIDTH, HEIGHT, GAP, MARGIN, ARROW = 900, 46, 8, 16, 56
STYLE = "font-family='system-ui, sans-serif' fill='#1b1f24'"


def layers() -> list[list[str]]:
    """The packages and modules of each layer, from the top, without `cofactor.`."""
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (stated,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip().removeprefix("cofactor.") for name in re.split(r"[|:]", layer)] for layer in stated]


def captions() -> dict[str, str]:
    """The contents of each package, from the table in architecture.md."""
    text = (HERE / "architecture.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", text, re.MULTILINE))


def draw(rows: list[list[str]], texts: dict[str, str]) -> str:
    """The picture as SVG: one row of boxes for each layer, on a light card that is legible on a dark page too."""
    height = len(rows) * (HEIGHT + GAP) - GAP + 2 * MARGIN
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' "
        f"width='{WIDTH}' height='{height}' role='img'>",
        "<title>The packages of cofactor in layers. A package imports only from layers below its own.</title>",
        f"<rect width='{WIDTH}' height='{height}' rx='10' fill='#ffffff'/>",
        f"<path d='M30 {MARGIN + 6} V{height - MARGIN - 8} m-6 -10 l6 10 l6 -10' fill='none' "
        "stroke='#57606a' stroke-width='2'/>",
        f"<text x='20' y='{height // 2}' transform='rotate(-90 20 {height // 2})' text-anchor='middle' font-size='13' "
        f"font-family='system-ui, sans-serif' fill='#57606a'>imports</text>",
    ]
    for number, row in enumerate(rows):
        top = MARGIN + number * (HEIGHT + GAP)
        width = (WIDTH - ARROW - MARGIN - GAP * (len(row) - 1)) / len(row)
        for column, name in enumerate(row):
            left = ARROW + column * (width + GAP)
            parts.append(box(left, top, width, name, texts[name]))
    return "\n".join([*parts, "</svg>"]) + "\n"


def box(left: float, top: float, width: float, name: str, text: str) -> str:
    return (
        f"<rect x='{left:g}' y='{top}' width='{width:g}' height='{HEIGHT}' rx='6' fill='#e6eef8' stroke='#b4c4d8'/>\n"
        f"<text x='{left + 12:g}' y='{top + 19}' font-size='14' font-weight='600' {STYLE}>{escape(name)}</text>\n"
        f"<text x='{left + 12:g}' y='{top + 36}' font-size='12' {STYLE}>{escape(text)}</text>"
    )


if __name__ == "__main__":
    (HERE / "layers.svg").write_text(draw(layers(), captions()), encoding="utf-8")
