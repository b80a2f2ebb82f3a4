"""API keys, of which only digests are kept."""

import hashlib
import os
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable
from hmac import compare_digest
from pathlib import Path

from starlette.datastructures import Headers

from cofactor.errors import CofactorError

MIN_LENGTH = 16  # characters of a key
OTHERS = 0o007  # bits of a mode that let anybody in; a group is let in on purpose (systemd gives credentials 440)
LINE = re.compile(r"(?:(?P<name>[\w.-]{1,64})\s*:\s*)?(?P<key>[!-9;-~]+)", re.ASCII)  # a key: visible, no colon
NEW = 'make one: python -c "import secrets; print(secrets.token_urlsafe())"'

Key = tuple[str, bytes]  # its name and its SHA-256


def read_keys(source: Path | str) -> tuple[Key, ...]:
    """The keys of a file, or of a text: one a line, `name: key` or the key alone; # begins a comment.

    Raises CofactorError for a file that others may read, and for a key that is too short or there twice; a message says
    in which line, and never what stands there.
    """
    where, text = ("the text of keys", source) if isinstance(source, str) else (str(source), _read(source))
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words:
            name, digest = _key(words, f"{where}, line {number}", f"key-{number}")
            if name in keys or digest in keys.values():
                raise CofactorError(f"{where}, line {number}: this name or this key was there before", NEW)
            keys[name] = digest
    if not keys:
        raise CofactorError(f"{where} holds no key", f"write one a line, as name: key; {NEW}")
    return tuple(keys.items())


def digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def find_name(key: bytes, keys: Iterable[Key]) -> str:
    """The name of a key, empty for an unknown one; the time does not depend on how much of a key is right."""
    asked, found = digest(key), ""
    for name, known in keys:
        if compare_digest(asked, known):
            found = name
    return found


def read_from(headers: Headers) -> bytes | None:
    """The key in a request: as X-API-Key, as a bearer token, or as the password of HTTP Basic."""
    if (key := headers.get("x-api-key")) is not None:
        return key.strip().encode("latin-1")
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode("latin-1")
    if scheme.lower() == "basic":
        try:
            return b64decode(rest.strip().encode("latin-1"), validate=True).partition(b":")[2]
        except NotBase64:
            return b""
    return b"" if scheme else None


def _key(words: str, where: str, unnamed: str) -> Key:
    found = LINE.fullmatch(words)
    if not found:
        raise CofactorError(f"{where}: not a key", "write name: key, of visible ASCII characters and without spaces")
    key = found["key"]
    if len(key) < MIN_LENGTH:
        raise CofactorError(f"{where}: a key has at least {MIN_LENGTH} characters, this one {len(key)}", NEW)
    return found["name"] or unnamed, digest(key.encode())


def _read(path: Path) -> str:
    """A file of secrets; opened first and looked at then, so that it cannot be exchanged between."""
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & OTHERS:
                raise CofactorError(f"{path} can be read by others (mode {mode & 0o777:o})", f"chmod 600 {path}")
            return file.read()
    except UnicodeDecodeError:
        raise CofactorError(f"{path} is not ASCII text", "write one key a line") from None
    except OSError as error:
        raise CofactorError(f"cannot read {path}: {os.strerror(error.errno or 0).lower()}", "check the name") from None
