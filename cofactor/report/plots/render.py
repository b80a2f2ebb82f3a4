"""Figures as files and as inline SVG. The same figure always gives the same bytes."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from cofactor.report.formatting import one_line
from cofactor.report.plots.style import IN_THE_DARK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_AN_INCH = 200  # on paper
NUMBER = re.compile(r"-?\d+\.\d{3,}")
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
NEEDLESS = [f"{{{SVG}}}{tag}" for tag in ("metadata", "title", "style")]
FAMILY = re.compile(r"font-family:[^;]*; ?")  # the page has its own
REFERENCE = re.compile(r"url\(#([^)]+)\)")
COLOUR = re.compile("|".join(IN_THE_DARK), re.IGNORECASE)
_setting = Lock()  # matplotlib's settings belong to the whole process


def png(figure: "Figure") -> bytes:
    """The figure as PNG, in a resolution for print."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file, on_screen = BytesIO(), figure.dpi
    figure.dpi = DOTS_AN_INCH
    with suppress_font_warnings():  # not by savefig, which draws twice, the first time for a layout that is fixed here
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(file, metadata={"Software": None})
    figure.dpi = on_screen
    return file.getvalue()


def svg(figure: "Figure", name: str, title: str) -> bytes:
    """The figure as SVG with text as outlines, so that it needs no font."""
    return _svg(figure, name, one_line(title), "path")


def inline(figure: "Figure", name: str, description: str) -> str:
    """The figure as inline SVG: text stays text, colours are CSS variables of the page, and ids are unique to the plot.

    description: text alternative for screen readers.
    """
    for prefix, space in (("", SVG), ("xlink", XLINK)):
        ElementTree.register_namespace(prefix, space)
    root = ElementTree.fromstring(_svg(figure, name, name, "none", transparent=True))
    _without_needless(root)
    _rename(root, name)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "style":
                element.set(key, COLOUR.sub(_variable, FAMILY.sub("", value)))
            elif key in ("d", "x", "y", "transform"):
                element.set(key, NUMBER.sub(lambda number: f"{float(number[0]):.2f}", value).strip())
    root.set("role", "img")
    root.set("aria-label", one_line(description))
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    return ElementTree.tostring(root, encoding="unicode")


def css_colours() -> tuple[str, str]:
    """The CSS declarations of the plots' colours, for light and dark pages."""
    light = "".join(f"{_name(one)}:{one};" for one in IN_THE_DARK)
    return light, "".join(f"{_name(one)}:{dark};" for one, dark in IN_THE_DARK.items())


@contextmanager
def suppress_font_warnings() -> Iterator[None]:
    """Suppress matplotlib's warnings about characters that its font lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _svg(figure: "Figure", name: str, title: str, letters: str, *, transparent: bool = False) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    settings: dict[Any, Any] = {"svg.hashsalt": f"cofactor {name}", "svg.fonttype": letters}
    file = BytesIO()
    told = {"Date": None, "Creator": None, "Title": title}
    figure.patch.set_visible(not transparent)
    with _setting, mpl.rc_context(settings), suppress_font_warnings():
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(file, metadata=told)
    return file.getvalue()


def _without_needless(root: ElementTree.Element) -> None:
    """Remove what a page does not need: titles, which would show as tooltips, styles, which would apply to the whole
    page, rotations by 0 and white space between elements."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in NEEDLESS:
                parent.remove(child)
    for element in root.iter():
        element.tail = None
        if element.tag != f"{{{SVG}}}text":
            element.text = None
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]


def _rename(root: ElementTree.Element, name: str) -> None:
    """Remove ids without references, and make the others unique among plots."""
    used = {one.get(HREF, "").removeprefix("#") for one in root.iter()}
    for one in root.iter():
        used |= {match for value in one.attrib.values() for match in REFERENCE.findall(value)}
    for one in root.iter():
        if (own := one.get("id")) is not None:
            del one.attrib["id"]
            if own in used:
                one.set("id", f"{name}-{own}")
        if (refers := one.get(HREF)) is not None and refers.startswith("#"):
            one.set(HREF, f"#{name}-{refers[1:]}")
        for key, value in list(one.attrib.items()):
            if "url(#" in value:
                one.set(key, REFERENCE.sub(lambda match: f"url(#{name}-{match[1]})", value))


def _variable(match: re.Match[str]) -> str:
    colour = match[0].lower()
    return f"var({_name(colour)})"


def _name(colour: str) -> str:
    return f"--c{colour[1:]}"
