"""Unpacks untrusted zip files: neither their names nor their sizes are trusted."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cofactor.errors import BadData

MAX_BYTES = 32 << 30  # bytes unpacked, in all
MAX_COMPRESSION = 250  # compression ratio of a member; that of ratings is 5 to 10
SMALL = 1 << 20  # bytes of a member that may have any compression ratio
CHUNK = 1 << 20
CUT = "it is damaged or cut short: fetch it again"


def list_files(path: Path) -> list[str]:
    """The files in a zip; raises BadData for one that is damaged or that would write or read outside its folder."""
    with open_zip(path) as archive:
        return [_name(info) for info in _checked(archive)]


def unzip(path: Path, into: Path, names: Collection[str] | None = None, max_bytes: int = MAX_BYTES) -> list[Path]:
    """Unpacks all files of a zip, or those in `names`, into the folder `into`, to which nothing else writes.

    Raises BadData for a damaged zip, for a name that leads out of the folder (`..`, an absolute path, a symbolic link),
    for a zip with a password, and for more than `max_bytes` bytes or the free disk space, whatever its headers say.
    """
    with open_zip(path) as archive:
        chosen = [info for info in _checked(archive) if names is None or _name(info) in names]
        promised = sum(info.file_size for info in chosen)
        into.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(into).free
        if promised > min(max_bytes, free):
            room = f"{free:,} are free" if free < max_bytes else f"{max_bytes:,} are allowed"
            raise BadData(f"it unpacks to {promised:,} bytes; {room}", "free some disk space, or unpack it yourself")
        return [_unpack(archive, info, into) for info in chosen]


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """An open zip; errors of a damaged one, also inside the block, become BadData."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise BadData(f"not a whole zip file ({error})", CUT) from None
    except (EOFError, zlib.error, NotImplementedError, ValueError) as error:
        raise BadData(f"the zip cannot be unpacked ({error})", CUT) from None
    except RuntimeError as error:  # zipfile raises it for a password
        raise BadData(f"the zip cannot be unpacked ({error})", "unpack it yourself and name the folder") from None


def _checked(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in a zip; all members are checked."""
    files = []
    for info in archive.infolist():
        name, parts = info.filename, PurePosixPath(_name(info)).parts
        kind = stat.S_IFMT(info.external_attr >> 16)
        if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
            raise BadData(f"member {name!r} leads out of the folder it is unpacked to", "do not use this zip")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadData(f"member {name!r} is a link or a device, not a file", "do not use this zip")
        if info.file_size > max(SMALL, MAX_COMPRESSION * info.compress_size):
            raise BadData(f"member {name!r} unpacks to {info.file_size:,} bytes from {info.compress_size:,}",
                          "it is made to fill the disk: do not use this zip")  # fmt: skip
        if not info.is_dir():
            files.append(info)
    return files


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, into: Path) -> Path:
    """Unpacks one member, of at most the size in its header; zipfile checks its CRC."""
    target = into / PurePosixPath(_name(info))
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(info) as packed, target.open("xb") as file:
        while chunk := packed.read(CHUNK):
            written += len(chunk)
            if written > info.file_size:
                raise BadData(f"member {info.filename!r} is longer than it says", "do not use this zip")
            file.write(chunk)
    return target


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a member with slashes, where a zip from Windows has backslashes."""
    return info.filename.replace("\\", "/")
