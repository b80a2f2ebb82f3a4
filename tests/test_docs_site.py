"""The parts of the documentation site that are our own: navigation, docstrings and the pages of the reference."""

import ast
import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

import cofactor
from tests.pages import PAGES, ROOT, blocks

pytest.importorskip("sphinx")

INTERNAL = ("CONTRIBUTING.md", "docs/synthetic-data.md")  # pages whose examples use internal names


@pytest.fixture(scope="module")
def conf() -> Any:
    spec = importlib.util.spec_from_file_location("docs_conf", ROOT / "docs/conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rendered(conf: Any, docstring: str) -> list[str]:
    lines = docstring.split("\n")
    conf.render_markdown(None, "function", "f", len, None, lines)
    return lines


def test_code_spans_are_kept_and_other_markup_is_escaped(conf: Any) -> None:
    assert conf.escape("`a*b` is *x* or |y|, name_ and \\") == "``a*b`` is \\*x\\* or \\|y\\|, name\\_ and \\\\"


def test_an_indented_example_becomes_a_literal_block(conf: Any) -> None:
    text = "A formula,\n    r = μ * b\n\n    s = 2\nwhere μ is *the* mean."
    expected = ["A formula,", "", "::", "", "    r = μ * b", "", "    s = 2", "", "where μ is \\*the\\* mean."]
    assert rendered(conf, text) == expected


def test_a_value_does_not_show_the_docstring_of_its_type(conf: Any) -> None:
    lines = str(dict.__doc__).split("\n")
    conf.render_markdown(None, "data", "TABLE", {}, None, lines)
    assert lines == []
    own = ["All trainers by name."]
    conf.render_markdown(None, "data", "TABLE", {}, None, own)
    assert own == ["All trainers by name."]


def test_types_of_arrays_are_short(conf: Any) -> None:
    long = "(x: ~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float32]], n: int)"
    assert conf.shorten_types(None, "function", "f", len, None, long, None) == ("(x: NDArray[float32], n: int)", None)


def test_sections_of_the_index_are_the_navigation(conf: Any) -> None:
    source = [
        "# Title\n\n[home](start.md)\n\n## One\n\n| [A](a.md) | [B](b-c.md#x) |\n\n## Two\n\n[C](c.md), [C](c.md)\n"
    ]
    conf.add_navigation(None, "index", source)
    assert source[0].count("{toctree}") == 2
    assert ":caption: One\n\na\n```" in source[0]
    assert ":caption: Two\n\nc\n```" in source[0]


def test_other_pages_are_left_alone(conf: Any) -> None:
    source = ["## One\n\n[A](a.md)\n"]
    conf.add_navigation(None, "metrics", source)
    assert source == ["## One\n\n[A](a.md)\n"]


def test_the_pages_of_trainers_are_below_their_overview(conf: Any) -> None:
    source = ["[`svd`](trainers/svd.md) and [`als`](trainers/als.md)"]
    conf.add_navigation(None, "trainers", source)
    assert "trainers/svd\ntrainers/als\n" in source[0]


def test_public_modules_export_what_they_list(conf: Any) -> None:
    names = conf.public_modules()
    assert names[0] == "cofactor"
    assert len(names) == len(set(names)) > 5
    for name in names:
        module = importlib.import_module(name)
        assert all(hasattr(module, one) for one in module.__all__), name
        assert not [one for one in module.__all__ if one.startswith("_")], name


def test_a_page_of_the_reference_has_every_public_name_once(conf: Any) -> None:
    page = conf.reference_page("cofactor")
    for name in cofactor.__all__:
        kind = "class" if isinstance(getattr(cofactor, name), type) else "function"
        assert page.count(f".. auto{kind}:: cofactor.{name}\n") == 1, name
    assert ":no-index:" not in page


def test_a_name_that_two_pages_have_is_indexed_once(conf: Any) -> None:
    page = conf.reference_page("cofactor.trainers")
    (block,) = (
        one for one in page.split("\n\n") if one.startswith("```{eval-rst}\n.. autoclass:: cofactor.trainers.SVD\n")
    )
    assert ":no-index:" in block
    (other,) = (one for one in page.split("\n\n") if "cofactor.trainers.Trainer\n" in one)
    assert ":no-index:" not in other
    assert ".. autodata:: cofactor.trainers.TRAINERS\n   :no-value:" in page


def test_pages_of_modules_that_are_no_longer_public_are_removed(
    conf: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("toy")
    module.__all__ = ["answer"]  # type: ignore[attr-defined]
    module.answer = 42  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy", module)
    monkeypatch.setattr(conf, "GENERATED", tmp_path)
    monkeypatch.setattr(conf, "public_modules", lambda: ["toy"])
    (tmp_path / "old.md").write_text("# old\n")
    conf.write_reference(None)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.md"]
    before = (tmp_path / "toy.md").stat().st_mtime_ns
    conf.write_reference(None)
    assert (tmp_path / "toy.md").stat().st_mtime_ns == before, "an unchanged page is not written again"


@pytest.mark.parametrize("page", [page for page in PAGES if page not in INTERNAL])
def test_the_examples_import_public_names_only(conf: Any, page: str) -> None:
    public = set(conf.public_modules())
    for block in blocks(page, "python"):
        for line in ast.walk(ast.parse(block)):
            if (
                isinstance(line, ast.ImportFrom)
                and str(line.module).startswith("cofactor")
                and page != "CONTRIBUTING.md"
            ):
                assert line.module in public, line.module
                exported = importlib.import_module(str(line.module)).__all__
                assert {name.name for name in line.names} <= set(exported), line.module
