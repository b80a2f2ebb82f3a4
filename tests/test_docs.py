"""What the documentation tells a reader to type works as it stands."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest

from cofactor.data.ratings import Ratings
from cofactor.serving.api.routes import ROUTES
from tests.conftest import Run
from tests.pages import PAGES, ROOT, anchors, blocks, read_page, without_blocks, write_movielens

NEEDS_MORE = ("fetch", "serve")  # a network; a program that does not end


def type_in(page: str, run: Run) -> int:
    """Runs every `$ cofactor …` of a page, in order, but for minutes of all trainers; how many there were."""
    typed = 0
    for line in "".join(blocks(page, "console")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:2] != ["$", "cofactor"] or words[2] in NEEDS_MORE or "all" in words:
            continue
        known = [sorted(Path().glob(word)) if "*" in word else [word] for word in words[2:]]
        done = run(*(word for some in known for word in some))
        assert done.exit_code == 0, f"{line}\n{done.stderr}"
        typed += 1
    return typed


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/serving.md"])
def test_addresses_that_a_page_names_are_routes(page: str) -> None:
    patterns = [re.sub(r"\{\w+\}", "[^/]+", route.path) for route in ROUTES]
    addresses = re.findall(r"http://127\.0\.0\.1:8000(/[^\s'>)?`,]*)", (ROOT / page).read_text(encoding="utf-8"))
    assert addresses
    for address in addresses:
        path = address.partition("?")[0]
        assert path == "/" or any(re.fullmatch(pattern, path) for pattern in patterns)


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages <= set(re.findall(r"\((.*?\.md)\)", index))


def test_the_quick_start(run: Run) -> None:
    assert type_in("docs/quickstart.md", run) >= 9
    (block,) = blocks("docs/quickstart.md", "python")
    exec(compile(block, "docs/quickstart.md", "exec"), {})
    assert Path("models/from-python/manifest.json").is_file()


def test_the_page_on_tracking(real_data: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFACTOR_DATA", str(real_data))
    assert type_in("docs/tracking.md", run) == 2
    assert Path("svd.csv").read_text().count("\n") == 1 + 16, "epochs, as the picture and the text say"
    assert Path("curves.png").is_file()
    assert len(list(Path("runs/ml-100k/svd").glob("*,n_epochs=40"))) == 1
    first, *_ = blocks("docs/tracking.md", "python")
    exec(compile(first, "docs/tracking.md", "exec"), {})
    assert all(Path(one).exists() for one in ("svd.csv", "svd.png"))
    assert len(list(Path("runs/synthetic/svd").glob("*,rank=8"))) == 1


def test_the_readme(movies: Ratings, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data").mkdir()
    write_movielens(movies, Path("data"))
    monkeypatch.setenv("COFACTOR_DATA", "data")
    assert type_in("README.md", run) == 7
    rows = zip(movies.users.ids[movies.user], movies.items.ids[movies.item], movies.value, strict=True)
    Path("ratings.csv").write_text("user,item,rating\n" + "".join(f"{u},{i},{value}\n" for u, i, value in rows))
    block, _ = blocks("README.md", "python")
    exec(compile(block, "README.md", "exec"), {})
    assert Path("models/svd/manifest.json").is_file()


def test_the_readme_s_figures_are_those_its_command_prints(real_data: Path, run: Run) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.count("|") == 8]
    stated = {name: (rmse, ndcg) for name, rmse, _, ndcg, *_ in rows}
    asked = ("svd", "svdpp", "bayes", "ials", "ease")
    done = run("compare", *asked, "--protocol", "ml-100k-u1", "--data-folder", str(real_data), "--json")
    for name, found in json.loads(done.stdout)["models"].items():
        for figure, shown in zip(("rmse", "ndcg@10"), stated[name], strict=True):
            if shown != "–":
                assert found["metrics"][figure] == pytest.approx(float(shown), abs=0.0015), (name, figure)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_blocks(read_page(page)))
    for link in links:
        target, _, anchor = link.partition("#")
        if not re.match(r"\w+:", link):
            path = (ROOT / page).parent / target if target else ROOT / page
            assert path.exists(), link
            assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), link


def test_the_picture_of_the_packages_is_that_of_the_contracts() -> None:
    spec = importlib.util.spec_from_file_location("draw_layers", ROOT / "docs/draw_layers.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    layers, captions = script.layers(), script.captions()
    assert captions.keys() == {name for layer in layers for name in layer}
    drawn = script.draw(layers, captions)
    assert drawn == (ROOT / "docs/layers.svg").read_text(encoding="utf-8"), "run: python docs/draw_layers.py"
