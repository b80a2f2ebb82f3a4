"""Tables, plots and sections as HTML. All text that comes from data is escaped here."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from cofactor.report.formatting import one_line
from cofactor.report.plots.render import css_colours
from cofactor.report.tables import Cell, ReportTable

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # no script, and nothing from anywhere else


@dataclass(frozen=True)
class Section:
    """A section of the page, listed in its table of contents."""

    name: str  # its anchor within the page
    title: str
    parts: tuple[str, ...]  # HTML


def page(title: str, kind: str, about: str, findings: Iterable[str], sections: Iterable[Section], footer: str) -> str:
    """A page that needs no other file. `kind`: the text above the title; `findings`: sentences at the top."""
    parts = [one for one in sections if one.parts]
    links = "".join(f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in parts)
    items = "".join(f"<li>{_emphasized(one)}</li>" for one in findings)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(one_line(title))}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#answer">Skip to the findings</a>\n'
        f'<header><p class="kind">{escape(kind)}</p><h1>{escape(one_line(title))}</h1>'
        + (f'<p class="soft">{escape(one_line(about))}</p>' if about else "")
        + f'<nav aria-label="Contents"><ul>{links}</ul></nav></header>\n<main>\n'
        f'<section id="answer" aria-labelledby="answer-title"><h2 id="answer-title">Findings</h2>'
        f'<ul class="answer">{items}</ul></section>\n'
        + "\n".join(map(_section, parts))
        + f"\n</main>\n<footer><p>{escape(one_line(footer))}</p></footer>\n</body>\n</html>\n"
    )


def table(one: ReportTable, kind: str = "") -> str:
    """A table that scrolls horizontally if it is wider than the page."""
    head = "".join(f'<th scope="col">{escape(one_line(column))}</th>' for column in one.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(one_line(name))}</th>{"".join(map(_cell, cells))}</tr>'
        for name, cells in one.rows
    )
    look = " ".join(part for part in (kind, "words" if one.words else "") if part)
    title = escape(one_line(one.title))
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}">'
        f"<table{f' class={look!r}' if look else ''}><caption>{title}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        + (f'<p class="note">{escape(one_line(one.note))}</p>' if one.note else "")
    )


def plot(svg: str, title: str) -> str:
    """A plot that scrolls horizontally on a narrow screen."""
    return (
        f'<figure class="picture wide" role="region" tabindex="0" aria-label="{escape(one_line(title))}">{svg}</figure>'
    )


def collapsible(title: str, inside: str) -> str:
    """A section that is closed until the reader opens it."""
    return f"<details><summary>{escape(one_line(title))}</summary>{inside}</details>"


def command(text: str) -> str:
    return f"<pre><code>{escape(''.join(c if c.isprintable() or c in chr(10) else ' ' for c in text))}</code></pre>"


def paragraph(text: str) -> str:
    return f"<p>{escape(one_line(text))}</p>"


def _section(one: Section) -> str:
    title = f"{one.name}-title"
    inside = "\n".join(one.parts)
    heading = f'<h2 id="{title}">{escape(one.title)}</h2>'
    return f'<section id="{one.name}" aria-labelledby="{title}">{heading}\n{inside}</section>'


def _cell(cell: Cell) -> str:
    text = escape(one_line(cell.text))
    text = f"<b>{text}</b>" if cell.best else f'<span class="{cell.kind}">{text}</span>' if cell.kind else text
    text = f'<span title="no real difference from the best">≈</span> {text}' if cell.same else text
    behind = f" <i>{escape(one_line(cell.error))}</i>" if cell.error else ""
    return f"<td{' class=best' if cell.best else ''}>{text}{behind}</td>"


def _emphasized(sentence: str) -> str:
    """The metric before the colon in bold."""
    head, colon, rest = escape(one_line(sentence)).partition(": ")
    return f"<b>{head}</b>{colon}{rest}" if colon and len(head) < 24 else head + colon + rest


def _style() -> str:
    light, dark = css_colours()
    own = (files("cofactor.report") / "page.css").read_text(encoding="utf-8")
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{own}"
