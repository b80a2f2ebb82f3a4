"""Write plain files, and devices, links and folders in their place, and remove them again."""

import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class SampleFolder:
    """A folder that holds one sample after another; only files that differ from the last sample are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._there: dict[str, Any] = {}
        folder.mkdir()

    def write(self, files: Mapping[str, Any]) -> None:
        """Makes the folder hold these files, each given as bytes or as a tag."""
        for name in self._there.keys() - {name for name, what in files.items() if self._there.get(name) is what}:
            _remove(self.folder / name)
            del self._there[name]
        for name, what in files.items():
            if name not in self._there:
                write_file(self.folder / name, what, aside=self.folder.parent)
                self._there[name] = what


def write_file(path: Path, what: Any, aside: Path) -> None:
    """Writes a file, or what a tag stands for in its place; targets of links are written to the folder `aside`."""
    if isinstance(what, bytes):
        path.write_bytes(what)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path)) if len(str(path)) < 100 else path.mkdir()
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what in ("link", "hardlink"):
        (aside / "elsewhere").write_bytes(b"PAR1 elsewhere")
        path.symlink_to(aside / "elsewhere") if what == "link" else path.hardlink_to(aside / "elsewhere")
    elif what == "dangling":
        path.symlink_to(aside / "nowhere")
    elif what == "itself":
        path.symlink_to(path.name)
    elif what == "hole":
        with path.open("wb") as file:
            file.truncate(1 << 40)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
