"""Each trainer's page says what the code is: its hyperparameters, their defaults and ranges, and what can be typed."""

import re
import shlex
from contextlib import suppress
from pathlib import Path

import click
import pytest

from cofactor.cli import cofactor
from cofactor.errors import CofactorError
from cofactor.trainers import TRAINERS
from cofactor.training.hyperparameter import Hyperparameter

DOCS = Path(__file__).parent.parent / "docs"
OVERVIEW = DOCS / "trainers.md"
SECTIONS = [
    "The formula",
    "Hyperparameters",
    "When to use it",
    "Results",
    "What it costs",
    "New users and new items",
    "How it fails",
    "Source",
]
every_trainer = pytest.mark.parametrize("name", TRAINERS)


def page(name: str) -> str:
    return (DOCS / "trainers" / f"{name}.md").read_text(encoding="utf-8")


def spans(text: str) -> list[str]:
    """What stands in code spans, on one line or over the end of one."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def default_of(parameter: Hyperparameter) -> str:
    value = parameter.default
    if value is None:
        return "from the data"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def range_of(parameter: Hyperparameter) -> str:
    if parameter.choices:
        return ", ".join(parameter.choices)
    search = parameter.search
    return "—" if search is None else f"{search.low:g} … {search.high:g}" + (", log" if search.log else "")


def anchors(text: str) -> set[str]:
    """Of a page's headings: lower case, spaces to hyphens, other signs left out."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parsed(line: str) -> None:
    """Takes a command line as the program would, up to running it; raises what it would complain of."""
    _, *words = shlex.split(line)
    command: click.Command = cofactor
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    with suppress(click.exceptions.Exit):  # of --help, which is printed at once
        command.make_context(context.info_name, words, parent=context.parent)


def test_pages_are_of_trainers():
    assert {one.stem for one in (DOCS / "trainers").glob("*.md")} == TRAINERS.keys()


@every_trainer
def test_a_page_has_a_title_and_all_sections_in_their_order(name: str):
    assert page(name).startswith(f"# `{name}`: ")
    assert re.findall(r"^## (.*)$", page(name), re.MULTILINE) == SECTIONS


@every_trainer
def test_the_table_is_that_of_the_code(name: str):
    wanted = [(p.name, default_of(p), range_of(p)) for p in TRAINERS[name].hyperparameters()]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.+) \|$", page(name), re.MULTILINE)
    assert [row[:3] for row in rows] == wanted
    assert all(len(said) > 10 for *_, said in rows)


@every_trainer
def test_what_a_page_says_to_type_can_be_typed(name: str):
    lines = [span for span in spans(page(name)) if span.startswith("cofactor ")]
    assert lines, "a page shows how to train"
    for line in lines:
        parsed(line)
    for span in spans(page(name)):
        if span.startswith("--"):
            words = shlex.split(span)
            known = {flag for option in train_options(name) for flag in (*option.opts, *option.secondary_opts)}
            assert known.issuperset(word for word in words if word.startswith("--")), span
            if not words[-1].startswith("--"):  # with its value
                parsed(f"cofactor train {name} ml-100k {span}")


def train_options(name: str) -> list[click.Option]:
    group = cofactor.get_command(click.Context(cofactor), "train")
    assert isinstance(group, click.Group)
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return [one for one in command.params if isinstance(one, click.Option)]


@pytest.mark.parametrize("wrong", ["cofactor train svd --ranks 3", "cofactor trian svd", "cofactor train knn -x"])
def test_a_wrong_line_would_be_seen(wrong: str):
    with pytest.raises((click.ClickException, CofactorError)):
        parsed(wrong)


@pytest.mark.parametrize("path", [OVERVIEW, *(DOCS / "trainers").glob("*.md")], ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path):
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("http")]
    for link in links:
        target, _, anchor = link.partition("#")
        led_to = (path.parent / target).resolve() if target else path
        assert led_to.is_file(), link
        if anchor:
            assert anchor in anchors(led_to.read_text(encoding="utf-8")), link


def test_every_trainer_is_in_the_overview_and_in_the_index():
    for text in (OVERVIEW.read_text(encoding="utf-8"), (DOCS / "index.md").read_text(encoding="utf-8")):
        linked = set(re.findall(r"\[`([\w-]+)`\]\(trainers/\1\.md\)", text))
        assert linked == TRAINERS.keys()
