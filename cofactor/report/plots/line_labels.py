"""Names written where the eye looks for them: behind the ends of lines, and beside points, never over one another."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cofactor.report.plots.label_placement import leader, place, spread
from cofactor.report.plots.style import INK, SMALL, SOFT, Look, plain, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

End = tuple[str, Look, float, float]  # a line's name, its look, and the x and y of its right end
Spot = tuple[str, Look, float, float]  # a point's name, its look, x and y

KEY, BEHIND = 10.0, 16.0  # points from the frame to the marker and to the letters of a name
LINE = 1.32  # heights of letters from one name to the next
MARKER, PAD = 11.0, 4.0  # pixels: a marker, and the room beside a name


def name_ends(axis: "Axes", ends: Sequence[End], *, size: float = SMALL) -> Callable[[], None]:
    """Writes names behind the right ends of lines, each with its line's marker.

    What is returned is to be called once the layout is settled: it moves the names apart, and ties each to its end.
    """
    from matplotlib.transforms import ScaledTranslation

    figure = axis.figure
    key = axis.transAxes + ScaledTranslation(KEY / 72, 0, figure.dpi_scale_trans)
    drawn = []
    for name, look, x, y in ends:
        text = axis.annotate(
            plain(name), (1, 0), xycoords="axes fraction", xytext=(BEHIND, 0), textcoords="offset points",
            va="center", fontsize=size, color=INK, gid="name",
        )  # fmt: skip
        (mark,) = axis.plot([1], [0], look.marker, color=look.colour, ms=4.2, transform=key, clip_on=False)
        drawn.append((text, mark, look, (x, y)))

    def apart() -> None:
        frame = axis.get_window_extent()
        ends = axis.transAxes.inverted().transform(axis.transData.transform([end for *_, end in drawn]))
        ends = np.clip(ends, 0, 1)
        room, tie = LINE * size / 72 * figure.dpi / frame.height, (KEY - 4) / 72 * figure.dpi / frame.width
        for (text, mark, look, _), (x, y), at in zip(drawn, ends, spread(ends[:, 1], room, 0, 1), strict=True):
            text.xy = (1, at)
            mark.set_ydata([at])
            axis.plot([x, 1, 1 + tie], [y, y, at], color=look.colour, lw=0.6, transform=axis.transAxes, clip_on=False)

    return apart if drawn else lambda: None


def name_points(axis: "Axes", spots: Sequence[Spot], *, size: float = SMALL) -> None:
    """Writes the name of each point beside it, on a free spot, with a line to it where that is far. The layout must be
    settled."""
    if not spots:
        return
    to_pixels, from_pixels = axis.transData.transform, axis.transData.inverted().transform
    points = to_pixels([(x, y) for _, _, x, y in spots])
    texts = [
        axis.text(x, y, plain(name), fontsize=size, color=INK, va="center", bbox=sheet(), gid="name", zorder=4)
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
