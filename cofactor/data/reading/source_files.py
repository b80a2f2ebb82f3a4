"""Finds the files of a source: the table of ratings, and the titles and users next to it, unpacked where needed."""

from dataclasses import dataclass
from pathlib import Path

from cofactor.data.reading.containers.folder_layouts import RATINGS, Layout, find_layout, layout_around
from cofactor.data.reading.containers.zip_files import list_files, unzip
from cofactor.data.reading.dataframes import FRAMES
from cofactor.data.tfrecord.shards import find_shards, is_tfrecord
from cofactor.errors import BadData, error_context

ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source.

    folder: where they are. layout: their paths in the folder. name: of the source. shown: what errors call the table
    of ratings. shards: the TFRecord files that hold the ratings, if they are in that format.
    """

    folder: Path
    layout: Layout
    name: str
    shown: str
    shards: tuple[str, ...] = ()

    @property
    def ratings(self) -> Path:
        """The path of the table of ratings."""
        return self.folder / self.layout.ratings


def find_source(path: Path, working: Path) -> SourceFiles:
    """The files of a file, a folder or a zip, which is unpacked into the folder `working`.

    Raises BadData where there is nothing to read, or several tables may be the ratings.
    """
    try:
        if path.is_dir():
            return _in_folder(path)
        if not path.is_file():
            what = "is not a file" if path.exists() else "no such file or folder"
            raise BadData(f"{path}: {what}", f"give {FRAMES}")
        if _first_bytes(path) in ZIP or path.suffix == ".zip":
            return _in_zip(path, working / "unzipped")
        layout = layout_around(path.name, [file.name for file in path.parent.iterdir()])
        shards = (path.name,) if is_tfrecord(path) else ()
        return SourceFiles(path.parent, layout, path.name, str(path), shards)
    except OSError as error:
        raise BadData(f"{error.filename or path}: {error.strerror or error}", "check that it can be read") from error


def _in_folder(path: Path) -> SourceFiles:
    with error_context(str(path)):
        files = _files(path)
        shards = find_shards(files)
        if shards and not set(files) & set(RATINGS):
            layout = layout_around(shards[0], [file.name for file in path.iterdir()])
            return SourceFiles(path, layout, path.name, str(path), tuple(shards))
        layout = find_layout(files)
    return SourceFiles(path, layout, path.name, str(path / layout.ratings))


def _in_zip(path: Path, into: Path) -> SourceFiles:
    with error_context(str(path)):
        layout = find_layout(list_files(path))
        unzip(path, into, [name for name in (layout.ratings, layout.titles, layout.genres, layout.users) if name])
    return SourceFiles(into, layout, path.name, f"{path}: {layout.ratings}")


def _files(folder: Path) -> list[str]:
    """The files in a folder and in its direct subfolders."""
    files = (file for level in ("*", "*/*") for file in folder.glob(level) if file.is_file())
    return [file.relative_to(folder).as_posix() for file in files]


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)
