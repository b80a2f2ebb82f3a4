"""Check the structure of the package: import cycles, full folders, class names that stand for several classes.

Import-linter keeps the layers apart; it does not see two files of one layer that import each other. Imports for type
checking and imports inside functions count here as well: a reader has to follow them too.
"""

import argparse
import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

FILES_IN_A_FOLDER = 15
FILES_IN_FOLDER = {"cli": 22, "trainers": 22}  # one file a command, one file a trainer
SHARED_CLASS_NAMES = 3
PRIVATE_EVERYWHERE = {"_TrainingState"}  # each trainer has one


def import_cycles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Import cycles of a graph `module -> modules it imports`; each cycle ends with the module that it starts with.

    After a cycle is found, its last import is taken out, until no cycle is left. Cycles that share imports may
    therefore be listed once; the list is empty if and only if the graph has no cycle.
    """
    graph = {module: set(imported) - {module} for module, imported in imports.items()}
    cycles = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return cycles
        except CycleError as error:
            backwards: list[str] = error.args[1]  # each module is imported by the next
            cycles.append(backwards[::-1])
            graph[backwards[1]].discard(backwards[0])


def imports_of_package(package: str) -> dict[str, set[str]]:
    """Modules that each module of `package` imports, whatever the place and the condition of the import."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def full_folders(root: Path) -> list[str]:
    """One line for each folder of the package `root` with more modules than allowed, `__init__.py` not counted."""
    counts = Counter(
        file.parent.relative_to(root).as_posix() for file in root.rglob("*.py") if file.name != "__init__.py"
    )
    return [
        f"{root.name}/{folder} has {n} modules, {limit} are allowed"
        for folder, n in sorted(counts.items())
        if n > (limit := FILES_IN_FOLDER.get(folder, FILES_IN_A_FOLDER))
    ]


def shared_class_names(root: Path) -> dict[str, list[str]]:
    """Class names that more than one class of the package `root` has, with the files where they are defined."""
    files = defaultdict(list)
    for file in sorted(root.rglob("*.py")):
        place = file.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name not in PRIVATE_EVERYWHERE:
                files[node.name].append(place)
    return {name: places for name, places in files.items() if len(places) > 1}


def faults(root: Path) -> list[str]:
    """One line for each fault in the structure of the package in the folder `root`, which must be importable."""
    lines = [f"import cycle: {' -> '.join(cycle)}" for cycle in import_cycles(imports_of_package(root.name))]
    lines += full_folders(root)
    shared = shared_class_names(root)
    if len(shared) > SHARED_CLASS_NAMES:
        lines += [f"several classes are named {name}: {', '.join(files)}" for name, files in sorted(shared.items())]
        lines.append(f"{len(shared)} class names stand for several classes, {SHARED_CLASS_NAMES} may")
    return lines


def main() -> None:
    """Print the faults and exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path("cofactor"), help="Folder of the package.")
    root = parser.parse_args().root.resolve()
    sys.path.insert(0, str(root.parent))
    found = faults(root)
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
