"""Zip and tar archives behind one interface: the names of their files, the first bytes of one, unpacking some."""

from collections.abc import Collection
from pathlib import Path

from cofactor.data.reading.containers.compressed_files import ERRORS, decompress, find_compression, open_compressed
from cofactor.data.reading.containers.tar_files import is_tar, list_tar, untar
from cofactor.data.reading.containers.zip_files import list_files, unzip

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
TAR_HEAD = 262  # bytes in which a tar archive says that it is one


class Archive:
    """An archive of files. One that is compressed as a whole is unpacked to a tar file in the folder `working`."""

    def __init__(self, path: Path, working: Path) -> None:
        self.path, self.into = path, working / "unpacked"
        self._zipped = not (find_compression(path) or is_tar(path))
        self._plain = decompress(path, working / "archive.tar") if find_compression(path) else path

    def names(self) -> list[str]:
        """The files in it; raises BadData for a damaged archive, and one that would write outside its folder."""
        return list_files(self.path) if self._zipped else list_tar(self._plain)

    def unpack(self, names: Collection[str]) -> None:
        """Unpacks files to the folder `into`, each once; raises BadData for more bytes than are allowed or free."""
        wanted = [name for name in names if not (self.into / name).exists()]
        if wanted and self._zipped:
            unzip(self.path, self.into, wanted)
        elif wanted:
            untar(self._plain, self.into, wanted)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, a tar archive or a compressed tar archive."""
    with path.open("rb") as file:
        head = file.read(TAR_HEAD)
    if head[:4] in ZIP or is_tar(path):
        return True
    if path.suffix == ".zip" and not head.isascii():
        return True  # damaged: reading it will say so
    if find_compression(path) is None:
        return False
    try:
        with open_compressed(path) as file:
            return file.read(TAR_HEAD)[257:] == b"ustar"
    except (OSError, *ERRORS):
        return False  # damaged: reading it will say so
