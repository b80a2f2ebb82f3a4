"""Downloads known data sets."""

import logging
import tempfile
from pathlib import Path

from cofactor.data.datasets.download import Progress, ResumableDownload
from cofactor.data.datasets.known import DATASETS, Dataset
from cofactor.data.datasets.locations import default_data_folder
from cofactor.data.reading.containers.folder_layouts import find_layout
from cofactor.data.reading.containers.zip_files import unzip
from cofactor.errors import BadData, check_type, error_context


def fetch(
    name: str, folder: Path | str | None = None, *, archive: Path | str | None = None, progress: Progress | None = None
) -> Path:
    """The folder `folder/name` of a known data set, which is downloaded, checked and unpacked where it is missing.

    Without `folder` it is put where `cofactor.read(name)` finds it: the folder named by the environment variable
    COFACTOR_DATA, or ~/.cache/cofactor.

    An interrupted download is resumed. `archive` is a zip to use instead of a download; it is checked in the same way,
    and kept. `progress` is called with the bytes received and the bytes in all (None where unknown).

    Raises BadData for an unknown name and for a zip with another checksum or without ratings, Unavailable where the
    address cannot be reached; the hint says what to do without a network.
    """
    check_type("name", name, str, f"known: {', '.join(DATASETS)}")
    dataset = DATASETS.get(name)
    if dataset is None:
        raise BadData(f"no known data set is called {name!r}", f"known: {', '.join(DATASETS)}")
    folder = default_data_folder() if folder is None else Path(folder)
    target = folder / name
    if target.is_dir():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if archive is not None:
            _check(Path(archive), dataset)
            _unpack(Path(archive), target)
        else:
            _download(dataset, target, progress)
    except OSError as error:
        raise BadData(f"{error.filename or folder}: {error.strerror or error}", "choose another folder") from None
    return target


def _download(dataset: Dataset, target: Path, progress: Progress | None) -> None:
    """Downloads and unpacks; a zip with the right checksum that is in the folder already is used, and kept."""
    zipped = target.with_name(f"{dataset.name}.zip")
    part = zipped.with_suffix(".zip.part")
    if dataset.md5 is None:  # the file may have changed: nothing would notice the rest of another one
        part.unlink(missing_ok=True)
    was_there = zipped.exists()
    _retrieve(dataset, zipped, ResumableDownload(part, progress, _by_hand(dataset)))
    _unpack(zipped, target)
    if not was_there:
        zipped.unlink()


def _retrieve(dataset: Dataset, zipped: Path, downloader: ResumableDownload) -> None:
    import pooch  # slow to import, and not needed to list the names

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # `progress` reports the download
    known = f"md5:{dataset.md5}" if dataset.md5 else None
    try:
        pooch.retrieve(dataset.address, known, fname=zipped.name, path=zipped.parent, downloader=downloader)
    except ValueError:  # pooch raises it for a wrong checksum
        raise BadData(
            f"what came from {dataset.address} does not have the checksum {dataset.md5}",
            f"run it again; {_by_hand(dataset)}",
        ) from None
    finally:
        logger.setLevel(level)


def _check(archive: Path, dataset: Dataset) -> None:
    if not archive.is_file():
        raise BadData(f"{archive}: no such file", f"name the zip that {dataset.address} gives")
    import pooch

    found = pooch.file_hash(str(archive), alg="md5")
    if dataset.md5 is not None and found != dataset.md5:
        raise BadData(
            f"{archive}: not {dataset.name} as published: its MD5 is {found}, not {dataset.md5}",
            f"download {dataset.address} again",
        )


def _unpack(zipped: Path, target: Path) -> None:
    """Unpacks to a temporary folder and renames it, so that the target is complete or missing."""
    with (
        error_context(str(zipped)),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary,
    ):
        files = unzip(zipped, Path(temporary, "unzipped"))
        find_layout([file.relative_to(temporary).as_posix() for file in files])  # raises where it has no ratings
        content = Path(temporary, "unzipped")
        inside = list(content.iterdir())
        (inside[0] if len(inside) == 1 and inside[0].is_dir() else content).rename(target)


def _by_hand(dataset: Dataset) -> str:
    name = dataset.address.rpartition("/")[2]
    return f"download {dataset.address} by other means and run: cofactor fetch {dataset.name} --archive {name}"
