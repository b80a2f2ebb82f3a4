"""The check of the package's structure finds what it looks for, and nothing in a sound package."""

import importlib
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import structure

MakePackage = Callable[[dict[str, str]], Path]


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePackage:
    """Writes a package named after the test's folder, and makes it importable."""

    def make(files: dict[str, str]) -> Path:
        root = tmp_path / f"package_{abs(hash(tmp_path))}"
        for name, text in {"__init__.py": "", **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text.replace("HERE", root.name))
        importlib.invalidate_caches()
        return root

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return make


def test_a_sound_package_has_no_faults(make_package: MakePackage) -> None:
    root = make_package({"a.py": "from HERE import b\n\nclass A: ...", "b.py": "import os\n\nclass B: ..."})
    assert structure.faults(root) == []


@pytest.mark.parametrize(
    "statement",
    [
        "from HERE.a import X",
        "def f():\n    from HERE import a",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from HERE.a import X",
    ],
    ids=["at the top", "in a function", "for type checking"],
)
def test_two_files_that_import_each_other(make_package: MakePackage, statement: str) -> None:
    root = make_package({"a.py": "from HERE import b\n\nX = 1", "b.py": statement})
    (line,) = structure.faults(root)
    assert line.startswith("import cycle: ")
    assert set(line.removeprefix("import cycle: ").split(" -> ")) == {f"{root.name}.a", f"{root.name}.b"}


def test_cycles_are_listed_in_the_direction_of_the_imports_until_none_is_left() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"f", "a"}}
    cycles = structure.import_cycles(graph)
    assert sorted(sorted(set(cycle)) for cycle in cycles) == [["a", "b", "c"], ["d", "e"]]
    assert all(here in graph and there in graph[here] for cycle in cycles for here, there in itertools.pairwise(cycle))
    assert all(cycle[0] == cycle[-1] for cycle in cycles)
    assert structure.import_cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_full_folders(make_package: MakePackage) -> None:
    files = {f"{folder}/f{i}.py": "" for folder in ("some", "cli") for i in range(15)}
    assert structure.full_folders(make_package(files)) == []
    root = make_package({"some/f15.py": "", "some/page.css": "", **{f"cli/f{i}.py": "" for i in range(23)}})
    assert structure.full_folders(root) == [
        f"{root.name}/cli has 23 modules, 22 are allowed",
        f"{root.name}/some has 16 modules, 15 are allowed",
    ]


def test_class_names_of_several_classes(make_package: MakePackage) -> None:
    shared = {f"{file}.py": "class A: ...\nclass _B: ...\ndef f():\n    class C: ..." for file in "xy"}
    root = make_package({**shared, "x/z.py": "class _TrainingState: ...", "y/z.py": "class _TrainingState: ..."})
    assert structure.shared_class_names(root) == {name: ["x.py", "y.py"] for name in ("A", "_B", "C")}
    assert structure.faults(root) == []
    make_package({"v.py": "class D: ...", "w.py": "class D: ..."})
    assert "several classes are named D: v.py, w.py" in structure.faults(root)
    assert structure.faults(root)[-1] == "4 class names stand for several classes, 3 may"
