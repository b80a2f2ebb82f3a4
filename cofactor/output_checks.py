"""Checks of the place for a file or a folder before the work whose result goes there, and errors of writing it."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from cofactor.errors import BadArtifact, CofactorError

FULL = "free some disk space, or name a place on another disk"
ELSEWHERE = "name a place that you may write to"
HINTS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "your quota is used up: remove some files, or name a place on another disk",
    errno.EFBIG: "a limit on the size of files is set (ulimit -f): raise it, or write less",
    errno.EROFS: "the disk is mounted for reading only: name a place on another disk",
    errno.EIO: "the disk reports a fault: check it, and name a place on another disk",
    errno.ENOTDIR: "a part of the path is a file: name another place",
    errno.ELOOP: "a link of the path leads to itself: name another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "it is a folder: name a file",
    errno.ENOMEM: "free some memory for it",
    errno.EMFILE: "too many files are open (ulimit -n)",
}
STATED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT)


def write_hint(error: OSError) -> str:
    """What to do about an error of writing a file."""
    return HINTS.get(error.errno or 0, ELSEWHERE)


@contextmanager
def write_errors(place: Path | str, kind: type[CofactorError] = BadArtifact, hint: str = "") -> Iterator[None]:
    """Turns an OSError of writing to a place into an error of this kind, with a hint for its cause after `hint`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise kind(f"cannot write {place}: {error.strerror or error}", hint + write_hint(error)) from None


def os_error(message: str, path: Path | str, default: int = errno.EIO) -> OSError:
    """The OSError that a library reports in words, as in "… No space left on device"."""
    code = next((code for code in STATED if os.strerror(code) in message), default)
    return OSError(code, os.strerror(code), str(path))


def check_output_folder(path: Path | str, kind: type[CofactorError] = BadArtifact) -> Path:
    """The real path of a folder to write; raises an error of this kind where it cannot be made or written to.

    Leaves nothing.
    """
    with write_errors(path, kind):
        target = real_path(path, kind)
        if target.exists() and not target.is_dir():
            raise kind(f"cannot write {path}: it is a file, not a folder", "choose another folder")
        with new_folders(target.parent):
            _try_writing(target if target.is_dir() else target.parent, target.name)
    return target


def check_output_file(path: Path | str, kind: type[CofactorError] = BadArtifact) -> Path:
    """The real path of a file to write, at the end of links; raises an error of this kind where it cannot be written.

    A folder, a device or a pipe is not replaced by a file. Leaves nothing.
    """
    with write_errors(path, kind):
        target = real_path(path, kind)
        if target.is_dir():
            raise kind(f"cannot write {path}: it is a folder", "name a file")
        if target.exists() and not target.is_file():
            raise kind(f"cannot write {path}: it is a device or a pipe, not a file", "name a file")
        with new_folders(target.parent):
            _try_writing(target.parent, target.name)
    return target


@contextmanager
def new_folders(folder: Path) -> Iterator[None]:
    """Creates a folder and those above it; at the end, those that are new and still empty are removed.

    Raises OSError where it cannot be created.
    """
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with suppress(OSError):  # of one that is not empty, or was not created
            for one in new:
                one.rmdir()


def is_stream(path: Path) -> bool:
    """Whether there is a device or a pipe, which is written to and not replaced: /dev/null, /dev/stdout."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def check_free_space(place: Path | str, needed: int, what: str, kind: type[CofactorError] = BadArtifact) -> None:
    """Raises an error of this kind where `what` takes more bytes than are free on the disk of a place."""
    target = Path(os.path.realpath(place))
    there = next(one for one in (target, *target.parents) if one.is_dir())
    with write_errors(place, kind):
        status = os.statvfs(there)
    free = min(status.f_bavail * status.f_frsize, _largest_file())
    if needed > free:
        message = f"cannot write {place}: {_shown(needed)} are needed for {what}, {_shown(free)} can be written there"
        raise kind(message, FULL)


def _largest_file() -> int:
    """The limit on the bytes of a file (ulimit -f)."""
    try:
        import resource
    except ImportError:  # not on this system
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def real_path(path: Path | str, kind: type[CofactorError] = BadArtifact) -> Path:
    """The path at the end of links; raises an error of this kind for a name that manifests and databases cannot hold,
    and OSError for a link to itself."""
    if "\0" in str(path):
        raise kind(f"cannot write {path}: its name has a NUL character", "choose another name")
    real = os.path.realpath(path)
    if os.path.islink(real):  # noqa: PTH114
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    try:
        real.encode()
    except UnicodeEncodeError:
        raise kind(f"cannot write {path}: its name, or that of a folder above it, is not UTF-8", "rename it") from None
    return Path(real)


def _try_writing(folder: Path, name: str) -> None:
    """Raises OSError where a file of that name could not be made in a folder; leaves nothing."""
    if len(os.fsencode(name)) > os.pathconf(folder, "PC_NAME_MAX"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)
    with TemporaryDirectory(prefix=".", dir=folder):
        pass


def _shown(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 1 << 30 else f"{size / 2**20:.1f} MiB"
