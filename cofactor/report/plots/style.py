"""One look for every picture: thin lines, no box, and names beside what they name.

The colours are told apart by deuteranopes and protanopes, and stand out from white paper at 3 : 1; letters are always
in ink. Markers and dashes tell the models apart where there is no colour at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
FAMILIES = {  # trainers that are alike have one colour where there are too many for one each
    "simple": ("popularity", "baseline"),
    "factors by gradient": ("svd", "nsvd", "svdpp", "latent-factor"),
    "factors by equations": ("als", "ials", "bayes"),
    "linear and neighbours": ("ease", "knn", "filter"),
    "networks": ("deep", "ensemble", "network", "autoencoder"),
    "others": (),
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<", ">")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
WIDE = 7.5  # inches
TITLE, TEXT, SMALL = 11.5, 9.0, 8.0  # points
MOST_IN_A_PANEL = 5  # lines that are named; the rest of a panel is grey


@dataclass(frozen=True)
class Look:
    """How a model is drawn wherever it is drawn."""

    colour: str
    marker: str
    dash: Any
    family: str


def family_of(trainer: str) -> str:
    return next((name for name, members in FAMILIES.items() if trainer in members), "others")


def looks(trainers: Mapping[str, str]) -> dict[str, Look]:
    """The look of each model, by its trainer: the simple ones are grey, others have a colour each as long as there are
    enough, and else the colour of their family."""
    families = {name: family_of(trainer) for name, trainer in trainers.items()}
    named = [name for name, family in families.items() if family != "simple"]
    hues = dict(zip(list(FAMILIES)[1:], HUES, strict=True))
    alone = len(named) <= len(HUES)
    order = sorted(families, key=lambda name: list(FAMILIES).index(families[name]))
    found: dict[str, Look] = {}
    for number, name in enumerate(order):
        family = families[name]
        alike = number if alone else sum(one.family == family for one in found.values())
        colour = GREY if family == "simple" else HUES[named.index(name)] if alone else hues[family]
        found[name] = Look(colour, MARKERS[number % len(MARKERS)], DASHES[alike % len(DASHES)], family)
    return {name: found[name] for name in trainers}


def together(some: Mapping[str, Look]) -> list[list[str]]:
    """The models of each panel: all where each has a colour of its own, else a family, or a part of a large one."""
    if len(some) <= MOST_IN_A_PANEL + 2:
        return [list(some)]
    families = [[name for name, look in some.items() if look.family == family] for family in FAMILIES]
    return [one[at : at + MOST_IN_A_PANEL] for one in families for at in range(0, len(one), MOST_IN_A_PANEL)]


def figure(height: float, width: float = WIDE) -> "Figure":
    """An empty figure that lays itself out and can be measured. No pyplot: nothing is kept, nothing is shared."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor=PAPER)
    FigureCanvasAgg(made)
    made.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.04)  # type: ignore[union-attr, call-arg]
    return made


def headed(one: "Figure", title: str, note: str = "") -> None:
    """A title above, and below a note that says how to read it."""
    one.suptitle(plain(title), x=0.012, ha="left", fontsize=TITLE, fontweight="bold", color=INK)
    if note:
        one.supxlabel(plain(note), x=0.012, ha="left", fontsize=SMALL, color=SOFT)


def dressed(axis: "Axes", grid: str = "y") -> None:
    """Thin lines and no box, and letters of one size."""
    curves.style_axis(axis)
    axis.set_facecolor("none")
    axis.grid(visible=False)
    if grid:
        axis.grid(axis=grid, color=FAINT, lw=0.6)  # type: ignore[arg-type]
    axis.tick_params(labelsize=SMALL, which="both", color=FAINT, labelcolor=INK)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set(color=INK, fontsize=TEXT)


def whole_numbers(axis: "Axes", most: int = 9) -> None:
    """Ticks across at whole numbers alone, at most so many."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))


def subtitled(axis: "Axes", text: str, right: str = "") -> None:
    """What a panel shows, above it to the left; and a figure to the right."""
    axis.set_title(plain(text), loc="left", fontsize=TEXT, fontweight="bold", color=INK, pad=5)
    if right:
        axis.set_title(plain(right), loc="right", fontsize=SMALL, color=SOFT, pad=5)


def plain(text: str) -> str:
    """Text that is not taken for a formula, whatever dollars are in it, and that can be printed."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).replace("$", r"\$")


def settled(one: "Figure") -> None:
    """Fixes the layout, so that places in it can be measured in pixels."""
    engine = one.get_layout_engine()
    if engine is not None:
        engine.execute(one)
    one.set_layout_engine("none")


def sheet() -> dict[str, Any]:
    """What letters over a picture stand on, so that no line runs through them."""
    return {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.8}


def blank(axes: Iterable["Axes"]) -> None:
    """Takes panels away that nothing is drawn in."""
    for axis in axes:
        axis.remove()
