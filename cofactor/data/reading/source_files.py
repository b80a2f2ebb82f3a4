"""Finds the files of a source: the table of ratings, and the titles and users next to it, unpacked where needed."""

import fnmatch
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cofactor.data.reading.containers.archives import Archive, is_archive
from cofactor.data.reading.containers.folder_layouts import RATINGS, Layout, find_layout, layout_around
from cofactor.data.reading.containers.foreign_archives import refuse_foreign_archive
from cofactor.data.reading.containers.part_files import group_parts, partition_keys
from cofactor.data.reading.containers.streams import STANDARD_INPUT
from cofactor.data.reading.dataframes import FRAMES
from cofactor.data.reading.formats.spreadsheets import is_workbook
from cofactor.data.tfrecord.shards import find_shards, is_tfrecord
from cofactor.errors import BadData, error_context

MAX_FILES = 100_000  # of a folder that are looked at

ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/", re.IGNORECASE)
Roles = Callable[[Path], frozenset[str]]


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source.

    ratings: the table of ratings, in one file or in parts. titles: tables of titles, of which the first that fits
    counts. genres, users: of MovieLens' layouts. name: of the source. shown: what errors call the table of ratings.
    sheet: of a workbook. sharded: whether the ratings are TFRecord files. notes: on what was chosen. keys: columns in
    the names of the folders of parts, with their values of the first part.
    """

    ratings: tuple[Path, ...]
    titles: tuple[Path, ...]
    genres: Path | None
    users: Path | None
    name: str
    shown: str
    sheet: str | None = None
    sharded: bool = False
    notes: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, layout: Layout, name: str, shown: str) -> "SourceFiles":
        """The files of a layout in a folder."""
        ratings = tuple(folder / one for one in layout.parts or (layout.ratings,))
        more = len(ratings) - 1
        shown += f" and {more:,} more part{'s' * (more > 1)}" if more else ""
        genres, users = (folder / one if one else None for one in (layout.genres, layout.users))
        titles = tuple(folder / one for one in layout.titles)
        keys = partition_keys(layout.ratings) if layout.parts else {}
        notes = (f"of {layout.found_among:,} tables, {layout.ratings} is read",) if layout.found_among > 1 else ()
        return cls(ratings, titles, genres, users, name, shown, notes=notes, keys=keys)


def find_source(path: Path, working: Path, find_roles: Roles) -> SourceFiles:
    """The files of a file, a folder, an archive, a member of one (`ratings.zip:u.data`) or a pattern (`part-*.csv`).

    Archives are unpacked into the folder `working`. `find_roles` gives the roles of the columns of a file, by which the
    table of ratings is told from others. Raises BadData where there is nothing to read, or several tables may be it.
    """
    try:
        if path.is_dir():
            return _in_folder(path, find_roles)
        if path.is_file():
            return _file(path, working, find_roles)
        container, colon, member = str(path).rpartition(":")
        if colon and Path(container).is_file():
            return _member(Path(container), member, working, find_roles)
        if not path.exists() and any(mark in path.name for mark in "*?["):
            return _matching(path)
    except OSError as error:
        raise BadData(f"{error.filename or path}: {error.strerror or error}", "check that it can be read") from None
    if ADDRESS.match(str(path)):
        raise BadData(f"{path} is an address, not a file", "download it first: curl -L -O ADDRESS")
    raise BadData(f"{path}: {'is not a file' if path.exists() else 'no such file or folder'}", f"give {FRAMES}")


def is_source_path(name: str) -> bool:
    """Whether a name that is no file is standard input, a member of an archive, or a pattern that files match."""
    path = Path(name)
    container, colon, _ = name.rpartition(":")
    matches = any(mark in path.name for mark in "*?[") and any(path.parent.glob(path.name))
    return name == STANDARD_INPUT or matches or bool(colon and Path(container).is_file())


def _file(path: Path, working: Path, find_roles: Roles) -> SourceFiles:
    if is_tfrecord(path):
        return _sharded(path.parent, [path.name], path.name)
    if is_archive(path) and not is_workbook(path):
        return _in_archive(path, None, working, find_roles)
    layout = layout_around(path.name, [file.name for file in path.parent.iterdir()])
    shown = path.name if path.parent == working else str(path)  # standard input is copied there
    return SourceFiles.of(path.parent, layout, path.name, shown)


def _member(container: Path, member: str, working: Path, find_roles: Roles) -> SourceFiles:
    if is_workbook(container):
        return SourceFiles((container,), (), None, None, container.name, f"{container}:{member}", sheet=member)
    if not is_archive(container):
        raise BadData(f"{container} is no archive", f"give its name alone, without :{member}")
    return _in_archive(container, member, working, find_roles)


def _in_folder(path: Path, find_roles: Roles) -> SourceFiles:
    with error_context(str(path)):
        files = _files(path)
        shards = find_shards(files)
        if shards and not set(files) & set(RATINGS):
            return _sharded(path, shards, path.name)
        layout = find_layout(files, lambda name: find_roles(path / name), f"{path}/")
    return SourceFiles.of(path, layout, path.name, str(path / layout.ratings))


def _in_archive(path: Path, member: str | None, working: Path, find_roles: Roles) -> SourceFiles:
    """The files of an archive; its tables are unpacked to look at their columns only where their names do not tell."""
    with error_context(str(path)):
        archive = Archive(path, working)
        names = archive.names()
        refuse_foreign_archive(names)

        def roles(name: str) -> frozenset[str]:
            archive.unpack([name])
            return find_roles(archive.into / name)

        if member is None:
            layout = find_layout(names, roles, f"{path}:")
        elif member in names:
            layout = layout_around(member, names)
        elif parts := fnmatch.filter(names, member):
            group_parts(parts)  # raises BadData for a missing part
            layout = replace(layout_around(parts[0], names), parts=tuple(sorted(parts)))
        else:
            listed = ", ".join(sorted(names)[:8]) + (", …" if len(names) > 8 else "")
            raise BadData(f"no member {member!r} among {listed}", "give the whole path of a member")
        archive.unpack(layout.names())
    return SourceFiles.of(archive.into, layout, path.name, f"{path}: {layout.ratings}")


def _matching(path: Path) -> SourceFiles:
    """The parts of the table whose paths match a pattern."""
    files = sorted(file.name for file in path.parent.glob(path.name) if file.is_file())
    if not files:
        raise BadData(f"{path}: no file matches", f"give {FRAMES}")
    with error_context(str(path)):
        group_parts(files)  # raises BadData for a missing part
        layout = layout_around(files[0], [file.name for file in path.parent.iterdir()])
    found = SourceFiles.of(path.parent, layout, path.parent.name, str(path))
    return SourceFiles(tuple(path.parent / file for file in files), found.titles, None, None, found.name, found.shown)


def _sharded(folder: Path, shards: Sequence[str], name: str) -> SourceFiles:
    layout = layout_around(shards[0], [file.name for file in folder.iterdir()])
    titles = tuple(folder / one for one in layout.titles)
    return SourceFiles(tuple(folder / one for one in shards), titles, None, None, name, str(folder), sharded=True)


def _files(folder: Path) -> list[str]:
    """The files in a folder, in its direct subfolders, and in folders of a partition (`year=2020`)."""
    found: list[str] = []
    for root, folders, files in os.walk(folder, followlinks=True):
        here = Path(root).relative_to(folder)
        found += [(here / file).as_posix() for file in files]
        if len(found) > MAX_FILES:
            raise BadData(f"more than {MAX_FILES:,} files", "name the file or the folder of the ratings")
        folders[:] = sorted(one for one in folders if not here.parts or "=" in one)
    return found
