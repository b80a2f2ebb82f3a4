"""The pages of the documentation: their blocks of code, and small data under the names that the pages use."""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import numpy as np

from cofactor.cli import cofactor
from cofactor.data.ratings import Ratings

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(
        str(page.relative_to(ROOT)) for folder in ("docs", "docs/trainers") for page in (ROOT / folder).glob("*.md")
    ),
]


def read_page(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", read_page(page), re.DOTALL | re.MULTILINE)


def spans(text: str) -> list[str]:
    """The code spans of a text outside its blocks, each on one line."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", without_blocks(text))]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command after a `$` in the console blocks of a page, up to a pipe or a redirection."""
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                for command in re.split(r"&&|\|(?=[^|'\"]*$)", line[2:]):
                    words = shlex.split(command, comments=True)
                    yield words[: words.index(">")] if ">" in words else words


def parse(words: list[str]) -> None:
    """Parses a command line of cofactor up to running it; raises the error that the program would report."""
    _, *words = words
    command: click.Command = cofactor
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    with suppress(click.exceptions.Exit):  # of --help, which is printed at once
        command.make_context(context.info_name, words, parent=context.parent)


def anchors(text: str) -> set[str]:
    """The anchors that a forge gives to the headings of a page: lower case, hyphens for spaces, no other signs."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def write_movielens(ratings: Ratings, folder: Path) -> None:
    """Writes `ml-100k` and `ml-1m` in MovieLens' layouts, with the same few ratings in both."""
    users, items = ratings.users.ids, ratings.items.ids
    times = np.arange(len(ratings)) * 3600 if ratings.time is None else ratings.time
    rows = [
        (users[user], items[item], round(float(value)), int(time))
        for user, item, value, time in zip(ratings.user, ratings.item, ratings.value, times, strict=True)
    ]
    ages = [(one, 18 + n % 50, "MF"[n % 2], n % 5) for n, one in enumerate(users)]
    films = [(one, f"Film {one} ({1950 + n % 50})", n) for n, one in enumerate(items)]
    genres = ("Comedy", "Drama", "War")
    small, large = folder / "ml-100k", folder / "ml-1m"
    small.mkdir()
    large.mkdir()
    _write(small / "u.data", ("\t".join(map(str, row)) for row in rows))
    _write(
        small / "u.user",
        (f"{one}|{age}|{sex}|{('student', 'artist')[job % 2]}|{job}0000" for one, age, sex, job in ages),
    )
    for half, chosen in (("base", lambda n: n % 5), ("test", lambda n: not n % 5)):
        _write(small / f"u1.{half}", ("\t".join(map(str, row)) for n, row in enumerate(rows) if chosen(n)))
    flags = ["|".join(str(int(k == n % 19)) for k in range(19)) for n in range(len(films))]
    _write(small / "u.item", (f"{one}|{title}|01-Jan-1995||http://x|{flags[n]}" for one, title, n in films))
    _write(
        small / "u.genre", (f"{'Comedy' if n == 1 else 'Romance' if n == 2 else f'Genre {n}'}|{n}" for n in range(19))
    )
    _write(large / "ratings.dat", ("::".join(map(str, row)) for row in rows))
    _write(large / "users.dat", (f"{one}::{sex}::{age}::{job}::{job}0000" for one, age, sex, job in ages))
    _write(large / "movies.dat", (f"{one}::{title}::{genres[n % 3]}" for one, title, n in films))


def _write(path: Path, lines: Iterator[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="latin-1")


def run_blocks(page: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Runs all Python blocks of a page, one after another in one namespace; the namespace."""
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), namespace)
    return namespace
