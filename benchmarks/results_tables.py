"""Tables of models, and a plot of accuracy against seconds, from the measurements of `ratings.py` and `ranking.py`.

    python benchmarks/results_tables.py build/ratings.json build/ranking.json [--picture docs/models] [--panels TITLE …]

Prints the tables in Markdown and draws the panels to docs/models.png and docs/models.svg. Our models are filled circles
and bold, the peers are hollow squares, so that the plot can be read without colour.
"""

import argparse
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator
from results import METRICS, TABLES, Line, Results, lines_of, markdown, seconds, shown

from cofactor.evaluation.metrics.registry import lower_is_better
from cofactor.report.plots.label_placement import leader, place

INCHES_WIDE, INCHES_A_PANEL = 9.0, 4.8  # 100 dots an inch on a screen; twice as many are drawn
SWEEPS = " sweeps"  # left out of names in the picture, which are many
MARKER = 11.0  # pixels
PAD = 4.0  # pixels to the left and right of a name
FAR, MANY = 2.5, 5  # times the median distance from the best; fewer points than these are all drawn
OURS, PEERS, INK = "#0053a0", "#9a4a00", "#444444"  # apart for the colour-blind, and dark enough for print
STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8, "svg.hashsalt": "cofactor",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--picture", type=Path, help="Path of the plot without its extension.")
    parser.add_argument("--panels", nargs="*", default=["ML-1M, 90/10", "ML-1M, top-N"], choices=list(TABLES))
    given = parser.parse_args()
    records = [one for path in given.results for one in Results(path).records]
    for title in given.tables:
        lines = lines_of(records, title)
        if lines:
            print(f"### {title}\n\n{markdown(lines, METRICS[title])}\n")
    if given.picture:
        draw({title: lines_of(records, title) for title in given.panels}, given.picture)


def draw(panels: dict[str, list[Line]], path: Path) -> None:
    """Draws the panels, one above another, as PNG and SVG."""
    mpl.use("Agg")
    with mpl.rc_context(STYLE):
        size = INCHES_WIDE, INCHES_A_PANEL * len(panels)
        figure, axes = plt.subplots(len(panels), figsize=size, layout="constrained", squeeze=False)
        near = {title: without_far(title, lines) for title, lines in panels.items()}
        for one, (title, lines) in zip(axes[:, 0], near.items(), strict=True):
            panel(one, title, lines, [line for line in panels[title] if line not in lines])
        figure.canvas.draw()  # settles the layout, which the places of the names are found in
        figure.set_layout_engine("none")
        for one, lines in zip(axes[:, 0], near.values(), strict=True):
            names(one, lines)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"), dpi=200)
        figure.savefig(
            path.with_suffix(".svg"), metadata={"Date": None, "Title": f"Accuracy against seconds: {', '.join(panels)}"}
        )
        plt.close(figure)


def without_far(title: str, lines: list[Line]) -> list[Line]:
    """The lines without outliers that would squeeze the others into a corner; outliers are listed as text."""
    metric = METRICS[title][0]
    behind = [abs(one.figures[metric][0] - lines[0].figures[metric][0]) for one in lines]
    most = FAR * median(behind) if behind else 0
    return [one for one, distance in zip(lines, behind, strict=True) if distance <= most or len(lines) < MANY]


def panel(axes: Axes, title: str, lines: list[Line], far: list[Line]) -> None:
    """Draws points over seconds on a log scale; better models are higher."""
    metric = METRICS[title][0]
    for ours, marker, fill in ((True, "o", OURS), (False, "s", "white")):
        some = [one for one in lines if one.ours == ours]
        x, y = [one.cpu for one in some], [one.figures[metric][0] for one in some]
        colour = OURS if ours else PEERS
        label = "cofactor" if ours else "other libraries"
        axes.plot(x, y, marker, ms=6.5, mfc=fill, mec=colour, mew=1.4, ls="", label=label, zorder=3)
    axes.set_xscale("log")
    axes.margins(x=0.08, y=0.14)
    if lower_is_better(metric):
        axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK)
    lower = ", lower is better and higher up" if lower_is_better(metric) else ""
    axes.set_title(f"{title}: {shown(metric)} on the test ratings{lower}", loc="left", fontsize=10, fontweight="bold")
    told = "; ".join(f"{one.entry} {one.figures[metric][0]:.4f} in {seconds(one.cpu)} s" for one in far)
    below = f"\nbelow the frame: {told}" if far else ""
    numbers = "; numbers behind names are sweeps" if any(one.entry.endswith(SWEEPS) for one in lines) else ""
    axes.set_xlabel(f"CPU seconds to fit, log scale; faster is to the left{numbers}{below}", color=INK)
    axes.legend(loc="upper right", bbox_to_anchor=(1, 1.11), ncols=2, frameon=False, borderpad=0, handletextpad=0.2)


def names(axes: Axes, lines: list[Line]) -> None:
    """Writes the name of each point next to it, without overlap."""
    title_metric = next(iter(lines[0].figures)) if lines else ""
    renderer = axes.figure.canvas.get_renderer()
    to_pixels, from_pixels = axes.transData.transform, axes.transData.inverted().transform
    points = [tuple(to_pixels((one.cpu, one.figures[title_metric][0]))) for one in lines]
    look = {True: {"color": OURS, "weight": "bold"}, False: {"color": INK}}
    halo = {"path_effects": [withStroke(linewidth=2.5, foreground="white")]}  # over the grid
    texts = [axes.text(0, 0, one.entry.removesuffix(SWEEPS), fontsize=8.5, **look[one.ours], **halo) for one in lines]
    sizes = []
    for text in texts:
        box = text.get_window_extent(renderer)
        sizes.append((box.width + 2 * PAD, box.height))
    frame = axes.get_window_extent(renderer).extents
    for text, point, box in zip(texts, points, place(points, sizes, frame, MARKER), strict=True):
        text.set_position(from_pixels((box[0] + PAD, (box[1] + box[3]) / 2)))
        text.set_verticalalignment("center")
        line = leader(box, point)
        if line is not None:
            xs, ys = zip(*from_pixels(line), strict=True)
            axes.plot(xs, ys, color="#999999", linewidth=0.7, zorder=2)


if __name__ == "__main__":
    main()
