"""The common style of all plots: thin lines, no box, and direct labels.

The colours are distinguishable with deuteranopia and protanopia and have a contrast of 3 : 1 with white paper; text is
always in ink. Markers and dashes distinguish the models without colour.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Family
from cofactor.training.tracking import curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, SOFT, PAPER = curves.INK, curves.FAINT, curves.TRAIN, "#ffffff"
GREY = "#736180"
BLUE, VERMILLION, GREEN, PURPLE, OCHRE = HUES = ("#2a65c2", curves.VALIDATION, "#1aa28a", "#6b0a7c", "#bd8b00")
IN_THE_DARK = {  # the same colours on a dark sheet
    PAPER: "#1d2026",
    INK: "#ececea",
    SOFT: "#a9b3c0",
    FAINT: "#3b414c",
    GREY: "#a78ba8",
    BLUE: "#4e82ff",
    VERMILLION: "#f0703a",
    GREEN: "#2dde97",
    PURPLE: "#b4a9f8",
    OCHRE: "#fffa86",
}
FAMILIES: tuple[Family, ...] = get_args(Family)  # trainers of a family share a colour where there are too many models
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<", ">")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
WIDE = 7.5  # inches
TITLE, TEXT, SMALL = 11.5, 9.0, 8.0  # points
MOST_IN_A_PANEL = 5  # lines that are named; the rest of a panel is grey


@dataclass(frozen=True)
class ModelStyle:
    """The colour, marker and dashes of a model in every plot."""

    colour: str
    marker: str
    dash: Any
    family: str


def family_of(trainer: str) -> Family:
    return TRAINERS[trainer].family if trainer in TRAINERS else "others"


def model_styles(trainers: Mapping[str, str]) -> dict[str, ModelStyle]:
    """The style of each model, by its trainer: simple models are grey, others have their own colour if there are enough
    colours, else the colour of their family."""
    families = {name: family_of(trainer) for name, trainer in trainers.items()}
    named = [name for name, family in families.items() if family != "simple"]
    hues: dict[str, str] = dict(zip(FAMILIES[1:], HUES, strict=True))
    alone = len(named) <= len(HUES)
    order = sorted(families, key=lambda name: FAMILIES.index(families[name]))
    found: dict[str, ModelStyle] = {}
    for number, name in enumerate(order):
        family = families[name]
        alike = number if alone else sum(one.family == family for one in found.values())
        colour = GREY if family == "simple" else HUES[named.index(name)] if alone else hues[family]
        found[name] = ModelStyle(colour, MARKERS[number % len(MARKERS)], DASHES[alike % len(DASHES)], family)
    return {name: found[name] for name in trainers}


def group_panels(some: Mapping[str, ModelStyle]) -> list[list[str]]:
    """The models of each panel: all if each has its own colour, else a family, or a part of a large one."""
    if len(some) <= MOST_IN_A_PANEL + 2:
        return [list(some)]
    families = [[name for name, look in some.items() if look.family == family] for family in FAMILIES]
    return [one[at : at + MOST_IN_A_PANEL] for one in families for at in range(0, len(one), MOST_IN_A_PANEL)]


def new_figure(height: float, width: float = WIDE) -> "Figure":
    """An empty figure with automatic layout. It does not use pyplot, which keeps global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.04)  # type: ignore[union-attr, call-arg]
    return figure


def add_title(one: "Figure", title: str, note: str = "") -> None:
    """Add a title above, and below a note on how to read the figure."""
    one.suptitle(escape_text(title), x=0.012, ha="left", fontsize=TITLE, fontweight="bold", color=INK)
    if note:
        one.supxlabel(escape_text(note), x=0.012, ha="left", fontsize=SMALL, color=SOFT)


def style_axes(axis: "Axes", grid: str = "y") -> None:
    """Thin lines, no box, and text of one size."""
    curves.style_axis(axis)
    axis.set_facecolor("none")
    axis.grid(visible=False)
    if grid:
        axis.grid(axis=grid, color=FAINT, lw=0.6)  # type: ignore[arg-type]
    axis.tick_params(labelsize=SMALL, which="both", color=FAINT, labelcolor=INK)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set(color=INK, fontsize=TEXT)


def use_integer_ticks(axis: "Axes", most: int = 9) -> None:
    """At most `most` ticks on the x axis, only at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))


def add_panel_title(axis: "Axes", text: str, right: str = "") -> None:
    """Add the title of a panel above it on the left, and a note on the right."""
    axis.set_title(escape_text(text), loc="left", fontsize=TEXT, fontweight="bold", color=INK, pad=5)
    if right:
        axis.set_title(escape_text(right), loc="right", fontsize=SMALL, color=SOFT, pad=5)


def escape_text(text: str) -> str:
    """Printable text in which dollar signs do not start a formula."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).replace("$", r"\$")


def fix_layout(one: "Figure") -> None:
    """Fix the layout, so that positions can be measured in pixels."""
    engine = one.get_layout_engine()
    if engine is not None:
        engine.execute(one)
    one.set_layout_engine("none")


def text_background() -> dict[str, Any]:
    """A background for text over lines."""
    return {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.8}


def remove_axes(axes: Iterable["Axes"]) -> None:
    """Remove empty panels."""
    for axis in axes:
        axis.remove()
