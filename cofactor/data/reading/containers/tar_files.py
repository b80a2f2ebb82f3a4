"""Unpacks untrusted tar files: neither their names nor their sizes are trusted."""

import shutil
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cofactor.data.reading.containers.zip_files import CHUNK, CUT, MAX_BYTES
from cofactor.errors import BadData

MAX_MEMBERS = 100_000


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive that is not compressed."""
    with path.open("rb") as file:
        return file.read(262)[257:] == b"ustar"


def list_tar(path: Path) -> list[str]:
    """The files in a tar archive; raises BadData for one that is damaged or would write outside its folder."""
    with _opened(path) as archive:
        return [member.name for member in _checked(archive)]


def untar(path: Path, into: Path, names: Collection[str], max_bytes: int = MAX_BYTES) -> list[Path]:
    """Unpacks the files in `names` into the folder `into`, to which nothing else writes.

    Raises BadData for a damaged archive, for a name that leads out of the folder, and for more than `max_bytes` bytes
    or the free disk space, whatever its headers say.
    """
    into.mkdir(parents=True, exist_ok=True)
    with _opened(path) as archive:
        chosen = [member for member in _checked(archive) if member.name in names]
        promised, free = sum(member.size for member in chosen), shutil.disk_usage(into).free
        if promised > min(max_bytes, free):
            raise BadData(f"it unpacks to {promised:,} bytes; {min(max_bytes, free):,} are free or allowed",
                          "free some disk space, or unpack it yourself")  # fmt: skip
        return [_unpack(archive, member, into) for member in chosen]


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError) as error:
        raise BadData(f"the tar archive cannot be unpacked ({error})", CUT) from None


def _checked(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """The files of an archive; all members are checked."""
    files = []
    for number, member in enumerate(archive, start=1):
        name, parts = member.name, PurePosixPath(member.name).parts
        if number > MAX_MEMBERS:
            raise BadData(f"more than {MAX_MEMBERS:,} members", "unpack it yourself, and name the folder")
        if not parts or ".." in parts or parts[0].startswith("/"):
            raise BadData(f"member {name!r} leads out of the folder it is unpacked to", "do not use this archive")
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise BadData(f"member {name!r} is a link or a device, not a file", "do not use this archive")
        if member.isreg():
            files.append(member)
    return files


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> Path:
    target = into / PurePosixPath(member.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    packed = archive.extractfile(member)
    written = 0
    with target.open("xb") as file:
        while packed is not None and (chunk := packed.read(CHUNK)):
            written += len(chunk)
            file.write(chunk)
    if written != member.size:
        raise BadData(f"member {member.name!r} is cut short", CUT)
    return target
