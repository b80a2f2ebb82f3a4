"""The folders in which known data sets are looked for."""

import difflib
import os
import shlex
from pathlib import Path

from cofactor.data.datasets.known import DATASETS
from cofactor.errors import BadData, Unavailable

FOLDER_VARIABLE = "COFACTOR_DATA"


def cache_folder() -> Path:
    """The folder of fetched data sets unless another is configured: `cofactor` in ~/.cache or in XDG_CACHE_HOME."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cofactor"


def default_data_folder() -> Path:
    """The folder that the environment variable COFACTOR_DATA names, or `cache_folder()`."""
    configured = os.environ.get(FOLDER_VARIABLE)
    return Path(configured) if configured else cache_folder()


def find_dataset(name: str, folder: Path) -> Path:
    """The folder or zip file of a known data set in `folder`, or else in the current folder.

    Raises Unavailable, with the command that downloads the data set, where it is in neither.
    """
    for path in (folder / name, folder / f"{name}.zip", Path(name)):
        if path.exists():
            return path
    option = [] if folder == default_data_folder() else ["--data-folder", str(folder)]
    raise Unavailable(f"{name} is not in {folder}", shlex.join(["cofactor", "fetch", name, *option]))


def dataset_source(source: object) -> object:
    """The path of a known data set where there is no file of this name; any other source unchanged.

    Raises Unavailable for a data set that has not been downloaded, and BadData for a path that does not exist and is
    almost the name of one.
    """
    if not isinstance(source, str) or os.path.exists(source):  # noqa: PTH110  # no error for text that is no path
        return source
    if source in DATASETS:
        try:
            return find_dataset(source, default_data_folder())
        except Unavailable as error:
            raise Unavailable(error.message, f"cofactor.fetch({source!r}) downloads it") from None
    if similar := difflib.get_close_matches(source, DATASETS, 1, cutoff=0.8):
        raise BadData(f"{source}: no such file or folder", f"did you mean {similar[0]}?")
    return source
