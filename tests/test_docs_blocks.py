"""Every Python block of the documentation runs, and every command in it is one that the program accepts."""

import importlib.util
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest

import cofactor
from cofactor.cli import cofactor as cofactor_command
from cofactor.data.ratings import Ratings
from cofactor.errors import CofactorError
from tests.pages import PAGES, ROOT, blocks, commands, parse, read_page, run_blocks, spans, write_movielens

Namespace = dict[str, Any]
SMALLER = {  # sizes for a test
    "1_000_000": "1_000",
    "6000, 2000": "300, 200",
    "in (7, 15, 31)": "in (7,)",
    "in TRAINERS.items()": "in list(TRAINERS.items())[:4]",
}
PEERS = ("from surprise", "from implicit", "from rectools", "from lenskit")
ELSEWHERE = {
    "import tensorflow": "`make interop` runs it",
    "PROTOCOLS": "test_the_page_on_protocols, on real ratings",
    **dict.fromkeys(PEERS, "another library, in an environment of its own"),
}


@pytest.fixture(scope="module")
def small() -> Ratings:
    return cofactor.generate(220, 200, 20, seed=3)


def prepared(page: str, small: Ratings) -> Namespace:
    """The names and the files in the current folder that the blocks of a page rely on."""
    write_movielens(small, Path())
    ratings = cofactor.read("ml-100k")
    parts = cofactor.split(ratings, seed=0)
    return {"ratings": ratings, "split": parts, **PREPARE.get(page, lambda *_: {})(ratings, parts)}


def trained(ratings: Ratings, parts: Any) -> Namespace:
    trainer = cofactor.SVD(rank=4, n_epochs=2)
    rows = np.arange(3, dtype=np.int32)
    times = np.zeros(3, np.int64)
    return {"trainer": trainer, "model": trainer.fit(parts.train), "users": rows, "items": rows, "times": times}


def with_posterior(ratings: Ratings, parts: Any) -> Namespace:
    from cofactor.data.splitting.split import save_split
    from cofactor.trainers.bayes import Bayes

    save_split(parts, "splits/ml-100k/u1")
    cofactor.save(Bayes(rank=4, n_epochs=3).fit(parts.train), "models/bayes")
    return {}


def with_features(ratings: Ratings, parts: Any) -> Namespace:
    import pandas as pd

    ids = ratings.items.ids
    frame = pd.DataFrame({"item": ids, "genres": ["Comedy|Drama", "War"] * (len(ids) // 2), "year": 1990})
    people = {"user": ratings.users.ids, "age": 30 + np.arange(len(ratings.users)) % 3}
    pd.DataFrame(people).to_parquet("people.parquet")
    columns = {"user": ratings.users.ids[ratings.user], "item": ids[ratings.item], "rating": ratings.value}
    pd.DataFrame(columns).to_parquet("ratings.parquet")
    cofactor.save(cofactor.Popularity().fit(ratings), "models/mine")
    return {"frame": frame, "load": cofactor.load}


def with_negatives(ratings: Ratings, parts: Any) -> Namespace:
    ids = ratings.items.ids
    rows = zip(parts.test.user[:50], parts.test.item[:50], strict=True)
    lines = ("\t".join([f"({ratings.users.ids[user]},{ids[item]})", *ids[:9]]) for user, item in rows)
    Path("ml-1m.test.negative").write_text("\n".join(lines) + "\n")
    return trained(ratings, parts)


def with_outcome(ratings: Ratings, parts: Any) -> Namespace:
    from tests.sample_comparisons import outcome, reports

    measured = reports(ratings, ["popularity", "svd"])
    return {"outcome": outcome(measured, {name: name for name in measured})}


def with_export(ratings: Ratings, parts: Any) -> Namespace:
    from click.testing import CliRunner

    arguments = ["export", "ml-100k", "-o", "records/synthetic/train", "--data-folder", "."]
    done = CliRunner().invoke(cofactor_command, arguments)
    assert done.exit_code == 0, done.stderr
    return {}


def with_csv(ratings: Ratings, parts: Any) -> Namespace:
    rows = zip(ratings.users.ids[ratings.user], ratings.items.ids[ratings.item], ratings.value, strict=True)
    rows = list(rows)
    Path("ratings.csv").write_text("user,item,rating\n" + "".join(f"{u},{i},{value}\n" for u, i, value in rows))
    events = "".join(f"{u},{i},2026-01-{1 + n % 28:02}\n" for n, (u, i, _) in enumerate(rows))
    Path("events.csv").write_text("customer_id,product_id,date\n" + events)
    Path("products.csv").write_text("product_id,title\n" + "".join(f"{i},Product {i}\n" for i in ratings.items.ids))
    return {}


PREPARE: dict[str, Callable[[Ratings, Any], Namespace]] = {
    "README.md": with_csv,
    "docs/bayes.md": with_posterior,
    "docs/features.md": with_features,
    "docs/metrics.md": with_negatives,
    "docs/report.md": with_outcome,
    "docs/saved-models.md": trained,
    "docs/tfrecord.md": with_export,
}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_the_python_blocks_of_a_page_run(
    page: str, small: Ratings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = prepared(page, small)
    for block in blocks(page, "python"):
        if not any(mark in block for mark in ELSEWHERE):
            for size, smaller in SMALLER.items():
                block = block.replace(size, smaller)
            exec(compile(block, page, "exec"), namespace)


def test_the_page_on_protocols(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(real_data)
    run_blocks("docs/protocols.md", {})
    assert re.match(r"u1 \{'rmse': 0\.9\d+, 'mae': 0\.7\d+\}\n$", capsys.readouterr().out)


def options_of(script: Path) -> set[str]:
    """The options that a benchmark declares, or those of all benchmarks where it shares their declaration."""
    text = script.read_text(encoding="utf-8")
    shared = "" if "parse_args" in text else "".join(one.read_text() for one in script.parent.glob("*.py"))
    found = set(re.findall(r'"(--[\w-]+)"', text + shared))
    return found | {f"--{name}" for name in re.findall(r'"([a-z-]+)"', text) if 'f"--{' in text}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")])
def test_the_commands_of_a_page_are_accepted(page: str) -> None:
    for words in commands(page):
        program, *rest = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        if program == "cofactor":
            parse(words)
        elif program == "python" and rest[0].endswith(".py"):
            script = ROOT / rest[0]
            assert {word for word in rest if word.startswith("--")} <= options_of(script), words
        elif program == "python" and rest[0] == "-m":
            assert (ROOT / f"{rest[1].replace('.', '/')}.py").is_file(), words
        elif program == "make":
            assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), words


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_in_the_text_of_a_page_are_accepted(page: str) -> None:
    for span in spans(read_page(page)):
        words = shlex.split(span) if span.startswith("cofactor ") else []
        if len(words) > 2 and not {"…", "NAME", "COMMAND", "--debug", "-o"} & {*words[1:3]}:
            try:
                parse(words)
            except click.MissingParameter:
                assert not any(word.startswith("-") for word in words), span


@pytest.mark.parametrize("wrong", ["cofactor train svd --ranks 3", "cofactor trian svd", "cofactor serve --keyz x m"])
def test_a_wrong_command_is_not_accepted(wrong: str) -> None:
    with pytest.raises((click.ClickException, CofactorError)):
        parse(wrong.split())


@pytest.mark.parametrize("page", PAGES)
def test_the_names_and_files_that_a_page_mentions_exist(page: str) -> None:
    for span in spans(read_page(page)):
        if re.fullmatch(r"cofactor(\.\w+)+(\(.*\))?", span) and span != "cofactor.best_rmse":  # a key in a file
            assert resolve(span.partition("(")[0]) is not None, span
        elif re.fullmatch(r"(cofactor|tests|benchmarks|soak|deploy|docs)(/[\w.-]+)+/?", span):
            assert (ROOT / span).exists() or span.startswith("cofactor/bin"), span


def resolve(dotted: str) -> object:
    """The module, function, class or member of a dotted name."""
    value: object = cofactor
    for name in dotted.split(".")[1:]:
        module = f"{value.__name__}.{name}" if isinstance(value, ModuleType) else ""
        if module and not hasattr(value, name) and importlib.util.find_spec(module):
            importlib.import_module(module)
        value = getattr(value, name)
    return value
