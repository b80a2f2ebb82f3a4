"""Names at the ends of lines and next to points, without overlaps."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cofactor.report.plots.label_placement import leader, place, spread
from cofactor.report.plots.style import INK, SMALL, SOFT, ModelStyle, escape_text, text_background

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LineEnd = tuple[str, ModelStyle, float, float]  # a line's name, its look, and the x and y of its right end
LabelledPoint = tuple[str, ModelStyle, float, float]  # a point's name, its look, x and y

KEY, BEHIND = 10.0, 16.0  # points from the frame to the marker and to the letters of a name
LINE = 1.32  # heights of letters from one name to the next
MARKER, PAD = 11.0, 4.0  # pixels: a marker, and the room beside a name


def label_line_ends(axis: "Axes", ends: Sequence[LineEnd], *, size: float = SMALL) -> Callable[[], None]:
    """Write names at the right ends of lines, each with its line's marker.

    Call the returned function once the layout is fixed: it separates the names and connects each to its line.
    """
    from matplotlib.transforms import ScaledTranslation

    figure = axis.figure
    key = axis.transAxes + ScaledTranslation(KEY / 72, 0, figure.dpi_scale_trans)
    drawn = []
    for name, look, x, y in ends:
        text = axis.annotate(
            escape_text(name), (1, 0), xycoords="axes fraction", xytext=(BEHIND, 0), textcoords="offset points",
            va="center", fontsize=size, color=INK, gid="name",
        )  # fmt: skip
        (mark,) = axis.plot([1], [0], look.marker, color=look.colour, ms=4.2, transform=key, clip_on=False)
        drawn.append((text, mark, look, (x, y)))

    def separate() -> None:
        frame = axis.get_window_extent()
        ends = axis.transAxes.inverted().transform(axis.transData.transform([end for *_, end in drawn]))
        ends = np.clip(ends, 0, 1)
        room, tie = LINE * size / 72 * figure.dpi / frame.height, (KEY - 4) / 72 * figure.dpi / frame.width
        for (text, mark, look, _), (x, y), at in zip(drawn, ends, spread(ends[:, 1], room, 0, 1), strict=True):
            text.xy = (1, at)
            mark.set_ydata([at])
            axis.plot([x, 1, 1 + tie], [y, y, at], color=look.colour, lw=0.6, transform=axis.transAxes, clip_on=False)

    return separate if drawn else lambda: None


def label_points(axis: "Axes", spots: Sequence[LabelledPoint], *, size: float = SMALL) -> None:
    """Write the name of each point in a free place next to it, with a line to it if that is far. The layout must be
    fixed."""
    if not spots:
        return
    to_pixels, from_pixels = axis.transData.transform, axis.transData.inverted().transform
    points = to_pixels([(x, y) for _, _, x, y in spots])
    texts = [
        axis.text(
            x, y, escape_text(name), fontsize=size, color=INK, va="center", bbox=text_background(), gid="name", zorder=4
        )
        for name, _, x, y in spots
    ]
    boxes = [text.get_window_extent() for text in texts]
    sizes = [(box.width + 2 * PAD, box.height) for box in boxes]
    placed = place(points, sizes, axis.get_window_extent().extents, MARKER)
    for text, point, box in zip(texts, points, placed, strict=True):
        text.set_position(tuple(from_pixels((box[0] + PAD, (box[1] + box[3]) / 2))))
        line = leader(box, point)
        if line is not None:
            xs, ys = zip(*from_pixels(line), strict=True)
            axis.plot(xs, ys, color=SOFT, lw=0.7, zorder=2, scalex=False, scaley=False)
